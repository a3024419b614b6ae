"""What `ims ship` checks before it sends anything."""

from __future__ import annotations

import contextlib
import os
import shlex
from pathlib import Path

from ims.lake.folder import Folder
from ims.lake.ledger import lake_id, refuse_other_place
from ims.lake.uri import open_place
from ims.process.file_access import Need, Way, obstacles, refuse_obstacles, sentence
from ims.process.privileges import user_name
from ims.process.start_checks import Check
from ims.process.store_owner import tried_as_owner
from ims.store.schema import check_store
from ims.system_folder import refuse_system_folder

STATE = "_state"
OF_WRITERS = ("key", "lock", "seen")
"""Names in a store that shipping doesn't read."""


def ship_checks(store: Path, uri: str) -> list[Check]:
    """In the order of a start: the store, what is remembered in it, and the lake; as root looked at as who ships."""
    return [
        Check("store", lambda: tried_as_owner(store, lambda: _store(store)), "give the folder of a store to --store"),
        Check("lake", lambda: tried_as_owner(store, lambda: _lake(uri)), "give a folder or s3://bucket/prefix to --to"),
    ]


def ship_needs(store: Path, uri: str) -> list[Need]:
    """What is written to while shipping: the store, which remembers it, and a lake in a folder."""
    found = [Need("the store", store, Way.CHANGE)]
    with contextlib.suppress(ValueError):  # a URI of no lake, as the check says
        place = None if uri.startswith("s3:") else open_place(uri)
        if isinstance(place, Folder):
            found.append(Need("the lake", place.folder, Way.CHANGE_ALL))
    return found


def _store(store: Path) -> str:
    refuse_obstacles(None, [Need("the store", store), Need("the store's", store / "store.json")], stay_root=True)
    check_store(store)  # before all that is in it is looked at, which may be anybody's
    refuse_obstacles(None, [Need("the store", store, Way.READ_ALL, without=OF_WRITERS)], stay_root=True)
    if (store / STATE).is_dir():
        refuse_obstacles(None, [Need("what the store remembers", store / STATE, Way.CHANGE_ALL)], stay_root=True)
    return f"{store} can be shipped"


def _lake(uri: str) -> str:
    place = open_place(uri)
    if isinstance(place, Folder):
        refuse_system_folder(place.folder, "the lake")
        if place.folder.exists() and not place.folder.is_dir():
            raise NotADirectoryError(f"{uri} is a file; expected the folder of a lake")
        _refuse_closed(place.folder)
    if lake_id(place) is not None:
        return f"{uri} is one"
    refuse_other_place(place)
    return f"{uri} is made one"


def _refuse_closed(lake: Path) -> None:
    """Raises PermissionError where a lake can't be written, with the line that makes the folder for it."""
    found = obstacles(None, [Need("the lake", lake, Way.CHANGE)], stay_root=True)
    if found:
        user = user_name(os.geteuid())
        line = f"install -d -o {user} {shlex.quote(str(lake))}"
        raise PermissionError(f"{sentence(None, found[0])}; type `{line}` as root, or take another folder")
