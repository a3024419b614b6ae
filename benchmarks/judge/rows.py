"""Packets that ims or tshark has and the other lacks, and columns in which they differ."""

from __future__ import annotations

import ipaddress
from collections import Counter, defaultdict
from typing import Any

from benchmarks.judge.dissected import HEADER_CLAIMED, Dissection, Frame
from benchmarks.judge.excused import excuse, excuse_row
from benchmarks.judge.judged import EXAMPLES, Asked, Disagreement

TUNNELS = {
    "gre": {"gre", "eth", "ethertype", "vlan", "erspan", "mpls", "llc"},
    "ipip": set(),
    "vxlan": {"udp", "vxlan", "eth", "ethertype", "vlan", "llc", "mpls"},
    "geneve": {"udp", "geneve", "eth", "ethertype", "vlan", "llc", "mpls"},
}  # fmt: skip
"""Tunnel -> the layers that may stand between two IPv4 headers."""
DEPTH = 4


def monitored_layer(frame: Frame, asked: Asked) -> int | None:
    """Which of the frame's IPv4 layers is a packet to a monitored address that is reached by unwrapping."""
    at = [place for place, name in enumerate(frame.protocols) if name == "ip"]
    tunnels = [part.partition(":")[0] for part in asked.unwrap.split(",") if part]
    for which, destination in enumerate(frame.destinations[: DEPTH + 1]):
        if which:
            if which >= len(at):
                return None
            between = set(frame.protocols[at[which - 1] + 1 : at[which]])
            if not any(between <= TUNNELS[name] and bool(between) == bool(TUNNELS[name]) for name in tunnels):
                return None
        if asked.monitored(destination):
            return which
    return None


def _key(values: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(values.get(name)) for name in ("source", "destination", "ip_id", "protocol"))


def _theirs(frame: Frame, which: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, text in frame.layer(which).items():
        if name in ("source", "destination"):
            found[name] = int(ipaddress.ip_address(text))
        elif text == "":
            continue
        elif name == "tcp_options":
            found[name] = text.lower().replace(":", "")
        else:
            found[name] = int(text, 0) & (0x1FF if name == "tcp_flags" else 0xFFFFFFFF)
    found["truncated"] = None
    return found


def compare_rows(rows: list[dict[str, Any]], seen: Dissection, asked: Asked, excused: Counter[str]) -> Any:
    """Packets that one has and the other lacks, and columns that differ."""
    ours: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        ours[row["ns"]].append(row)
    missing, differing = [], defaultdict(list)
    for frame in seen.frames:
        which = monitored_layer(frame, asked)
        if which is None:
            continue
        theirs = _theirs(frame, which)
        there = ours.get(frame.time_ns, [])
        best = next((row for row in there if _key(row) == _key(theirs) and not _columns(row, theirs)), None)
        best = best or next((row for row in there if _key(row) == _key(theirs)), None)
        if best is None:
            why = excuse(frame)
            if why is None:
                missing.append(frame)
            else:
                excused[why] += 1
            continue
        there.remove(best)
        for name in _columns(best, theirs):
            differing[name].append(f"frame {frame.number}: ours {best[name]}, tshark's {theirs[name]}")
    if missing:
        told = "; ".join(f"frame {one.number} {':'.join(one.protocols)} to {','.join(one.destinations)}"
                         for one in missing[:EXAMPLES])  # fmt: skip
        yield Disagreement("missing", f"{len(missing)} packets that tshark sees: {told}")
    framed = {frame.time_ns: frame for frame in seen.frames}
    extra = []
    for row in (row for there in ours.values() for row in there):
        why = excuse_row(row, framed.get(row["ns"]))
        if why is None:
            extra.append(row)
        else:
            excused[why] += 1
    last = max((frame.time_ns for frame in seen.frames), default=0)
    beyond = [row for row in extra if seen.damaged and row["ns"] > last]
    if beyond:
        excused["rows read beyond the damage at which tshark ends"] += len(beyond)
        extra = [row for row in extra if row["ns"] <= last]
    if extra:
        told = "; ".join(
            f"time {row['ns']} protocol {row['protocol']} to {ipaddress.ip_address(row['destination'])}"
            for row in extra[:EXAMPLES]
        )
        yield Disagreement("extra", f"{len(extra)} rows that tshark doesn't see: {told}")
    for name, cases in differing.items():
        yield Disagreement(f"column {name}", f"{len(cases)}: " + "; ".join(cases[:EXAMPLES]))


def _columns(row: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    """Names of the columns that differ where tshark shows something."""
    found = []
    for name, value in theirs.items():
        mine = row.get(name)
        if value is None or name == HEADER_CLAIMED or (name == "total_length" and mine == 0):
            continue
        if name == "tcp_options":
            mine = None if mine is None else mine.hex()
            if mine is None and 40 + len(value) < 2 * (theirs.get(HEADER_CLAIMED) or 0):
                continue  # null, for they are cut or the header lies: tshark shows what there is
        if mine != value:
            found.append(name)
    return found
