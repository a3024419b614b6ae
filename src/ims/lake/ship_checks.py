"""Checks of `ims ship` before it sends anything."""

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

OF_WRITERS = ("key", "lock", "seen")
"""Names in a store that shipping doesn't read."""


def ship_checks(store: Path, uri: str) -> list[Check]:
    """In the order of a start: the store with its state, and the lake; as root they run as the store's owner."""
    return [
        Check("store", lambda: tried_as_owner(store, lambda: _store(store)), "give the folder of a store to --store"),
        Check("lake", lambda: tried_as_owner(store, lambda: _lake(uri)), "give a folder or s3://bucket/prefix to --to"),
    ]


def ship_needs(store: Path, uri: str) -> list[Need]:
    """Where shipping writes: to the store, which has a record of it, and to a lake in a folder."""
    found = [Need("the store", store, Way.CHANGE)]
    with contextlib.suppress(ValueError):  # a URI of no lake, as the check says
        place = None if uri.startswith("s3:") else open_place(uri)
        if isinstance(place, Folder):
            found.append(Need("the lake", place.folder, Way.CHANGE_ALL))
    return found


def _store(store: Path) -> str:
    refuse_obstacles(None, [Need("the store", store), Need("the store's", store / "store.json")], stay_root=True)
    check_store(store)  # before its content is examined, which may belong to anybody
    refuse_obstacles(None, [Need("the store", store, Way.READ_ALL, without=OF_WRITERS)], stay_root=True)
    state = store / "_state"
    if state.is_dir():
        refuse_obstacles(None, [Need("what the store remembers", state, Way.CHANGE_ALL)], stay_root=True)
    return f"{store} can be shipped"


def _lake(uri: str) -> str:
    place = open_place(uri)
    if isinstance(place, Folder):
        refuse_system_folder(place.folder, "the lake")
        if place.folder.exists() and not place.folder.is_dir():
            raise NotADirectoryError(f"{uri} is a file; expected the folder of a lake")
        if found := obstacles(None, [Need("the lake", place.folder, Way.CHANGE)], stay_root=True):
            line = f"install -d -o {user_name(os.geteuid())} {shlex.quote(str(place.folder))}"
            raise PermissionError(f"{sentence(None, found[0])}; type `{line}` as root, or take another folder")
    if lake_id(place) is not None:
        return f"{uri} is one"
    refuse_other_place(place)
    return f"{uri} is made one"
