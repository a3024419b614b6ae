"""Where ims, tshark and tcpdump disagree about one capture."""

from __future__ import annotations

import subprocess
import tempfile
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.judge import counted, product
from benchmarks.judge.dissected import Dissection, dissect
from benchmarks.judge.excused import excuse_count, named
from benchmarks.judge.judged import EXAMPLES, Asked, Disagreement, Judged
from benchmarks.judge.rows import compare_rows

REASONS = ("stored", "outside", "not_ipv4", "malformed", "unsupported_link")
PLAIN = {"eth": ("eth", "ethertype", "ip"), "raw": ("raw", "ip")}
"""Link layers of which tcpdump's filters mean the same as ours: no tags between the link and IPv4."""
MEMORY = Path("/dev/shm")
"""Where stores are written: on a disk a tenth of the time is its flushing."""


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
            found += _of_books(ran, seen, len(rows), judged.excused)
            found += compare_rows(rows, seen, asked, judged.excused)
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


def _of_books(ran: product.Ran, seen: Dissection, stored: int, excused: Counter[str]) -> Any:
    report = ran.report
    total = sum(value for name, value in report.items() if name in REASONS)
    if report["frames"] != total:
        yield Disagreement("books", f"frames {report['frames']}, reasons {total}")
    if report["stored"] != stored:
        yield Disagreement("books", f"stored {report['stored']}, rows in the store {stored}")
    reads_on = seen.damaged and report["frames"] > len(seen.frames)  # a block of pcapng that is wrong isn't the last
    if seen.damaged and report["frames"] < len(seen.frames) and "none of ERF's" in ran.err:
        excused["ERF: a record of a type that there isn't is damage; tshark goes by its length once more"] += 1
    elif report["frames"] != len(seen.frames) and not reads_on:
        yield Disagreement("frames", f"ours {report['frames']}, tshark's {len(seen.frames)} {seen.complaint}")


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
