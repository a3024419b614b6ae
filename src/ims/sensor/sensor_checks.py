"""What a sensor checks before it opens anything, and before it takes settings anew."""

from __future__ import annotations

import pwd
import socket
from collections.abc import Callable
from pathlib import Path

from ims.capture.afpacket import interface
from ims.process.file_access import Need, Way
from ims.process.privileges import refuse_owner, user_to_become
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
    """In the order of a start. `file`: where the settings are; `replay`: a capture takes the interfaces' place, and
    nobody else is become; `running`: a daemon that may run with these settings already."""
    user = None if replay else config.user
    checks = [Check("store", lambda: _place(config), "set `store` to a folder of its own"), *_blocks(config, replay)]
    if not replay:
        checks += [
            Check("capabilities", _capabilities, NET_RAW),
            user_check(config.user),
            Check("store", lambda: _owner(config)),
            access_check(user, lambda become: needs_now(config, become, file)),
        ]
    return [
        *checks,
        Check("store", lambda: _store(config)),
        Check("name", lambda: _name(config, replay)),
        Check("store", lambda: _held(config, running)),
        endpoint_check("metrics", config.metrics, user, running),
    ]


def reload_checks(config: SensorConfig, replay: bool = False) -> list[Check]:
    """What a running sensor checks before it takes these settings."""
    return _blocks(config, replay)


def needs_now(config: SensorConfig, user: pwd.struct_passwd | None, file: Path | None = None) -> list[Need]:
    """What a sensor with these settings reads and writes as the user that it becomes, as things are now: a store that
    is absent or empty is made that user's at the start, so that it has but to be reached."""
    way = Way.REACH if user is not None and _is_to_be_made(config.store) else Way.CHANGE_ALL
    found = [Need("the store", config.store, way)]
    return found if file is None else [*found, Need(FILE_OF_SETTINGS, file)]


def _is_to_be_made(store: Path) -> bool:
    return not store.exists() or (store.is_dir() and not any(store.iterdir()))


def _blocks(config: SensorConfig, replay: bool) -> list[Check]:
    def answers() -> str:
        policies(config.darknet(), {block.name: block.policy for block in config.block})
        return ""

    def own() -> str:
        darknet = config.darknet()
        refuse_own(darknet, this_host())
        addresses = sum(block.prefix.num_addresses for block in darknet.blocks)
        return f"{len(darknet.blocks)} with {quantity(addresses, 'address', 'addresses')}, none of them this machine's"

    checks = [Check("blocks", answers)]
    if not replay:
        checks += [Check("interfaces", _present(name), "correct `interfaces`") for name in config.interfaces]
        checks.append(Check("blocks", own, "leave these addresses out of the blocks"))
    return checks


def _present(name: str) -> Callable[[], str]:
    def look() -> str:
        interface(name)
        return ""

    return look


def _capabilities() -> str:
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    except PermissionError as error:
        raise ValueError(no_capability(error)) from None
    return "packet sockets can be opened"


def no_capability(error: OSError) -> str:
    """What is said without the right to open packet sockets."""
    return f"packet sockets need root or CAP_NET_RAW ({error.strerror}); as an ordinary user, try --replay FILE"


def _place(config: SensorConfig) -> str:
    refuse_system_folder(config.store, "the store")
    return ""


def _owner(config: SensorConfig) -> str:
    refuse_owner(config.store, user_to_become(config.user))
    return ""


def _store(config: SensorConfig) -> str:
    return f"{config.store} is one" if refuse_other_folder(config.store) else f"{config.store} is made at the start"


def _name(config: SensorConfig, replay: bool) -> str:
    """Whether the store lets this sensor write under its name; into one that isn't there yet, any may."""
    refuse_half_renamed(config.store)
    refuse_retired(config.store, config.name)
    if not replay:
        refuse_other_name(config.store, config.name)
    return ""


def _held(config: SensorConfig, running: Running | None) -> str:
    process = refuse_held(
        state_folder(config.store, config.name), config.name,
        running.is_process if running is not None else lambda number: False,
    )  # fmt: skip
    return f"this sensor writes it already, process {process}" if process else ""
