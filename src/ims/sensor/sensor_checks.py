"""What a sensor checks before it opens anything, and before it changes settings."""

from __future__ import annotations

import pwd
import socket
from functools import partial
from pathlib import Path

from ims.capture.afpacket import interface
from ims.process.file_access import Need, Way
from ims.process.privileges import is_to_be_made, refuse_owner, user_to_become
from ims.process.start_checks import Check, Running, access_check, endpoint_check, user_check
from ims.respond.policy import policies
from ims.sensor.config import SensorConfig
from ims.sensor.host import refuse_own, this_host
from ims.store.liveness import refuse_other_name
from ims.store.lock import refuse_held
from ims.store.schema import refuse_half_renamed, refuse_other_folder, refuse_retired, state_folder
from ims.system_folder import refuse_system_folder
from ims.text import quantity

NET_RAW = "run it as root or give it CAP_NET_RAW, as `ims install-service sensor` does"
FILE_OF_SETTINGS = "the file of settings, which SIGHUP reads again,"


def sensor_checks(
    config: SensorConfig, file: Path | None = None, replay: bool = False, running: Running | None = None
) -> list[Check]:
    """In the order of a start. `file`: where the settings are; `replay`: a capture replaces the interfaces, and the
    user stays; `running`: a daemon that may run with these settings already."""
    user = None if replay else config.user
    place = partial(refuse_system_folder, config.store, "the store")
    checks = [Check("store", place, "set `store` to a folder of its own"), *reload_checks(config, replay)]
    if not replay:
        checks += [
            Check("capabilities", _capabilities, NET_RAW),
            user_check(config.user),
            Check("store", lambda: refuse_owner(config.store, user_to_become(config.user))),
            access_check(user, lambda become: needs_now(config, become, file)),
        ]
    return [
        *checks,
        Check("store", lambda: _store(config)),
        Check("name", lambda: _name(config, replay)),
        Check("store", lambda: _held(config, running)),
        endpoint_check("metrics", config.metrics, user, running),
    ]


def needs_now(config: SensorConfig, user: pwd.struct_passwd | None, file: Path | None = None) -> list[Need]:
    """What a sensor with these settings reads and writes as the user that it becomes: a store that is absent or empty
    becomes that user's at the start, so that it only has to be reached."""
    way = Way.REACH if user is not None and is_to_be_made(config.store) else Way.CHANGE_ALL
    found = [Need("the store", config.store, way)]
    return found if file is None else [*found, Need(FILE_OF_SETTINGS, file)]


def reload_checks(config: SensorConfig, replay: bool = False) -> list[Check]:
    """What a running sensor checks before it takes these settings."""

    def answers() -> None:
        policies(config.darknet(), {block.name: block.policy for block in config.block})

    def own() -> str:
        darknet = config.darknet()
        refuse_own(darknet, this_host())
        addresses = sum(block.prefix.num_addresses for block in darknet.blocks)
        return f"{len(darknet.blocks)} with {quantity(addresses, 'address', 'addresses')}, none of them this machine's"

    checks = [Check("blocks", answers)]
    if not replay:
        checks += [Check("interfaces", partial(_present, name), "correct `interfaces`") for name in config.interfaces]
        checks.append(Check("blocks", own, "leave these addresses out of the blocks"))
    return checks


def _present(name: str) -> None:
    interface(name)


def _capabilities() -> str:
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    except PermissionError as error:
        raise ValueError(no_capability(error)) from None
    return "packet sockets can be opened"


def no_capability(error: OSError) -> str:
    """The message without the right to open packet sockets."""
    return f"packet sockets need root or CAP_NET_RAW ({error.strerror}); as an ordinary user, try --replay FILE"


def _store(config: SensorConfig) -> str:
    return f"{config.store} is one" if refuse_other_folder(config.store) else f"{config.store} is made at the start"


def _name(config: SensorConfig, replay: bool) -> None:
    """Whether the store lets this sensor write under its name; a new store accepts any."""
    refuse_half_renamed(config.store)
    refuse_retired(config.store, config.name)
    if not replay:
        refuse_other_name(config.store, config.name)


def _held(config: SensorConfig, running: Running | None) -> str:
    is_own = running.is_process if running is not None else lambda number: False
    process = refuse_held(state_folder(config.store, config.name), config.name, is_own)
    return f"this sensor writes it already, process {process}" if process else ""
