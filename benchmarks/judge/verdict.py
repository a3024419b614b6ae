"""Where ims, tshark and tcpdump disagree about one capture."""

from __future__ import annotations

import ipaddress
import subprocess
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.judge import counted, product
from benchmarks.judge.dissected import HEADER_CLAIMED, Dissection, Frame, dissect
from benchmarks.judge.excused import excuse, excuse_count, excuse_row, named

REASONS = ("stored", "outside", "not_ipv4", "malformed", "unsupported_link")
PLAIN = {"eth": ("eth", "ethertype", "ip"), "raw": ("raw", "ip")}
"""Link layers of which tcpdump's filters mean the same as ours: no tags between the link and IPv4."""
TUNNELS = {
    "gre": {"gre", "eth", "ethertype", "vlan", "erspan", "mpls", "llc"},
    "ipip": set(),
    "vxlan": {"udp", "vxlan", "eth", "ethertype", "vlan", "llc", "mpls"},
    "geneve": {"udp", "geneve", "eth", "ethertype", "vlan", "llc", "mpls"},
}  # fmt: skip
"""Tunnel -> the layers that may stand between two IPv4 headers."""
MEMORY = Path("/dev/shm")
"""Where stores are written: on a disk a tenth of the time is its flushing."""
DEPTH = 4
EXAMPLES = 3


@dataclass(frozen=True)
class Disagreement:
    """One kind of it, in one file."""

    kind: str
    what: str


@dataclass
class Judged:
    """A capture, and what was found."""

    path: Path
    frames: int = 0
    stored: int = 0
    filters: int = 0
    note: str = ""
    excused: Counter[str] = field(default_factory=Counter)
    found: list[Disagreement] = field(default_factory=list)


@dataclass(frozen=True)
class Asked:
    """How captures are ingested."""

    blocks: tuple[str, ...] = ("all=0.0.0.0/0",)
    unwrap: str = ""
    expressions: tuple[str, ...] = counted.EXPRESSIONS

    def monitored(self, address: str) -> bool:
        return any(ipaddress.ip_address(address) in ipaddress.ip_network(one.partition("=")[2]) for one in self.blocks)


UNPACKERS = {".gz": "gzip", ".zst": "zstd", ".xz": "xz", ".lz4": "lz4"}


def uncompressed(path: Path, folder: Path) -> tuple[Path, str]:
    """A capture as tshark and tcpdump take it, as far as its compression goes, and what the unpacker complains of."""
    unpacker = UNPACKERS.get(path.suffix)
    if unpacker is None:
        return path, ""
    out = folder / path.stem
    with out.open("wb") as file:
        done = subprocess.run([unpacker, "-dc", str(path)], stdout=file, stderr=subprocess.PIPE, text=True, check=False)
    return out, done.stderr.strip() or ("" if done.returncode == 0 else f"{unpacker}: exit {done.returncode}")


def judge(path: Path, asked: Asked) -> Judged:
    """Ingest a capture, and hold what became of it against what others see."""
    judged = Judged(path)
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        Path(folder).chmod(0o755)  # tcpdump, as root, reads as an ordinary user
        plain, broken = uncompressed(path, Path(folder))
        seen = dissect(plain)
        if broken and not seen.status:
            seen.status, seen.complaint = 2, broken
        store = Path(folder) / "STORE"
        ran = product.ingest(path, store, asked.blocks, asked.unwrap)
        if "zeros" in ran.err:
            _without_zeros(seen, judged.excused)
        if seen.status and ran.status == 0 and counted.count(plain, "") == ran.report.get("frames"):
            judged.excused["tshark finds damage where tcpdump and ims find none"] += 1
            return judged
        if not seen.status and ran.status == 3 and isinstance(counted.count(plain, ""), str):
            judged.excused["tshark finds no damage where tcpdump and ims do"] += 1
            seen.status, seen.complaint = 2, "tcpdump's"
        found = list(_of_status(ran, seen))
        judged.note = ("damaged" if seen.damaged else "refused" if seen.refused else "") + (
            f" exit {ran.status}" if ran.status else ""
        )
        if ran.report:
            rows = product.rows(store)
            judged.frames, judged.stored = ran.report["frames"], len(rows)
            found += _of_books(ran.report, seen, len(rows))
            found += _of_rows(rows, seen, asked, judged.excused)
            if rows and asked.expressions:
                found += _of_filters(plain, store, Path(folder), seen, asked, judged)
    judged.found = []
    for one in found:
        reason = named(path, one.kind)
        if reason is None:
            judged.found.append(one)
        else:
            judged.excused[f"{one.kind}: {reason}"] += 1
    return judged


def _without_zeros(seen: Dissection, excused: Counter[str]) -> None:
    """ims tells zeros instead of records as damage; tshark reads them as frames without octets, of 1970."""
    kept = [frame for frame in seen.frames if frame.captured or frame.length]
    excused["zeros: told as damage, frames without octets to tshark"] += len(seen.frames) - len(kept)
    seen.frames = kept
    seen.status, seen.complaint = 2, "ends in zeros"


def _of_status(ran: product.Ran, seen: Dissection) -> Any:
    lines = ran.err.strip().splitlines()
    if "Traceback" in ran.err or ran.status not in (0, 2, 3):
        yield Disagreement("crash", f"exit {ran.status}: {lines[-1] if lines else ''}")
    elif seen.refused and ran.status == 0:
        yield Disagreement("not refused", f"tshark: {seen.complaint}")
    elif seen.refused and ran.status == 2 and len(lines) != 1:
        yield Disagreement("refusal", f"{len(lines)} lines on standard error")
    elif seen.damaged and ran.status != 3 and (seen.frames or ran.status != 2):
        yield Disagreement("damage not told", f"exit {ran.status} {lines[:1]}; tshark: {seen.complaint}")
    elif seen.status == 0 and ran.status == 3:
        yield Disagreement("damage told", f"{lines[:1]}; tshark reads {len(seen.frames)} frames without complaint")
    elif seen.status == 0 and ran.status == 2:
        yield Disagreement("refused", f"{lines[:1]}; tshark reads {len(seen.frames)} frames")


def _of_books(report: dict[str, Any], seen: Dissection, stored: int) -> Any:
    total = sum(value for name, value in report.items() if name in REASONS)
    if report["frames"] != total:
        yield Disagreement("books", f"frames {report['frames']}, reasons {total}")
    if report["stored"] != stored:
        yield Disagreement("books", f"stored {report['stored']}, rows in the store {stored}")
    reads_on = seen.damaged and report["frames"] > len(seen.frames)  # a block of pcapng that is wrong isn't the last
    if report["frames"] != len(seen.frames) and not reads_on:
        yield Disagreement("frames", f"ours {report['frames']}, tshark's {len(seen.frames)} {seen.complaint}")


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


def _of_rows(rows: list[dict[str, Any]], seen: Dissection, asked: Asked, excused: Counter[str]) -> Any:
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


def _counts_alike(store: Path, capture: Path, expression: str) -> bool:
    return product.counts(store, [expression])[expression] == counted.count(capture, expression)


def _of_filters(path: Path, store: Path, folder: Path, seen: Dissection, asked: Asked, judged: Judged) -> Any:
    out = folder / "export.pcap"
    ran = product.export(store, out)
    if ran.status:
        yield Disagreement("export", ran.err.strip())
        return
    mine = product.counts(store, asked.expressions)
    whole = all(
        frame.protocols[: len(start)] == start
        for frame in seen.frames
        for start in [PLAIN.get(frame.protocols[0], ("nothing",))]
    )
    sources = [("export", out)]
    if whole and not seen.status and not asked.unwrap and judged.stored == len(seen.frames):
        sources.append(("capture", path))
    for called, capture in sources:
        wrong = []
        for expression, number in mine.items():
            if called == "capture" and any(word in expression for word in counted.OF_THE_FRAME):
                continue
            theirs = counted.count(capture, expression)
            if isinstance(number, str):
                judged.excused["filters: octets that aren't stored, refused in words"] += 1
                continue
            judged.filters += 1
            if number == theirs:
                continue
            why = excuse_count(expression, partial(_counts_alike, store, capture))
            if why is None:
                wrong.append(f"{expression!r} ours {number}, tcpdump's {theirs}")
            else:
                judged.excused[f"filters: {why}"] += 1
        if wrong:
            yield Disagreement(f"filter on the {called}", f"{len(wrong)}: " + "; ".join(wrong[:EXAMPLES]))
