"""The Internet Motion Sensor: a network telescope (Bailey et al., NDSS 2005).

The data's path, stage by stage; a stage imports no other stage:

    frames ──► packets ──► replies           (where a sensor answers; first, because a peer is waiting)
                  │
                  ├──► signatures ──► new payloads ──┐
                  └──────────────────────────────────┴──► store ──► query daemon ──► portal ──► people
     capture     decode, respond     sign                 store     query, queryd    portal     cli, Python

* `capture`  frames in, from capture files and pipes: one buffer of octets and where each frame lies in it
* `decode`   frames to packet columns: link layers, tunnels, IPv4, TCP, UDP, ICMP, checksums, category
* `sign`     payload to signature: a keyed 128-bit key, a bounded cache for each UTC day, MD5 once per payload
* `store`    columns to hive-partitioned Parquet and back: manifest, compaction, retention, export
* `query`    the filter language, typed requests, and plans in two halves (partial, merge) in Ibis
* `simulate` frames that the project makes itself, with the truth about them; `player` puts them on a private link
* `sensor`   where the writing stages meet: one batch from frames to store
* `telescope` where the answering ones meet: `ims.open("DIR")`. `verb_methods` in Python, the API and the command line
  make the same typed request (`query/request.py`) of one table of verbs (`query/verbs.py`). A `backend` answers it:
  `stores_backend` here, others in `lake`, `portal` and `client`, most by plans (`plan_backend`). `query_run` is one
  running query, `verb_answers` makes tables of what it finds, `export` files
* `analyse`  questions with estimates: data by verbs, a model with intervals, a figure by `figures`; one answer for all
* `queryd`   one sensor's store, answering typed questions over mutual TLS
* `portal`   all sensors queried at once, merged, and shown to each caller as his role may see it
* `client`   a remote portal: `ims.open("https://…", token=…)`
* `lake`     finished hours of stores copied to a shared place, a folder or a bucket, and read there (`ims ship`)
* `cli`      parse, call, print
* `install`  what services need on a machine: users, folders, settings, units, compiled kernels

docs/architecture.md has a picture of it, a line for each package and its doors, and walks through three changes.

Between them: `link` (what query daemons and portals agree on), `pki` (certificates of a deployment), `process` (what
any process needs: privileges, logs, endpoints, checks at its start), `figures` (tables to charts, in files or as text),
`origin` (country, AS and local time of sources, from the user's files).

Below the stages: `records` (every column of every table), `darknet` (the monitored blocks), `unwrap` (tunnels to take
off), `packet` (reading and writing a packet's layers), `settings` (TOML, sizes, durations), `kernels`, `siphash` (what
compiled code is made of), `kernel_cache`, `kernel_folder` (where it is kept), `fair_queue` (whose turn it is),
`full_disk` (its error names the file), `whole_file` (written whole or not at all), `text`, `cause` (messages for
people), `version`, `moved` (earlier names).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from ims.moved import serve_earlier_names

if TYPE_CHECKING:
    from pathlib import Path

    from ims.client import RemoteTelescope
    from ims.lake.config import LakeConfig
    from ims.telescope import Telescope

__version__ = "0.1.0"
__all__ = ["__version__", "open"]
serve_earlier_names()


@overload
def open(*stores: str | Path) -> Telescope: ...
@overload
def open(*stores: str | Path, token: str, ca: str | Path | None = None) -> RemoteTelescope: ...
@overload
def open(*, lake: str | Path, config: LakeConfig | None = None) -> Telescope: ...
def open(
    *stores: str | Path,
    token: str | None = None,
    ca: str | Path | None = None,
    lake: str | Path | None = None,
    config: LakeConfig | None = None,
) -> Telescope | RemoteTelescope:
    """Open one or more stores for questions; or, with a token, the portal of this URL (`ca`: certificates to trust,
    instead of the machine's authorities); or a lake (`config`: its engine, from `ims.lake.config.read_lake_config`).

    Raises FileNotFoundError or ValueError where a folder isn't a store or a lake, ValueError where a URL is none.

    >>> import ims
    >>> telescope = ims.open("STORE")           # doctest: +SKIP
    >>> telescope.top("destination_port").to_pandas()    # doctest: +SKIP
    """
    if lake is not None:
        from ims.lake.backend import lake_telescope

        if stores or token is not None:
            raise ValueError("expected a lake, or stores, or a portal")
        return lake_telescope(str(lake), config)
    if token is not None:
        from ims.client import RemoteTelescope

        if len(stores) != 1:
            raise ValueError("expected the URL of one portal")
        return RemoteTelescope(str(stores[0]), token, ca=ca)
    from ims.telescope import Telescope

    return Telescope(*stores)
