#!/usr/bin/env bash
# lz4 4.4.5 (PyPI): LZ4FrameDecompressor.decompress() without max_length keeps back what it has decoded already, and says so nowhere.
# Given a frame's only block whole (800,000 octets of text that repeat, 3 kB compressed), but not the frame's four closing octets, as a capture
# has them that is still being written, it returns 6,462 octets; fed in pieces of ten octets, 2. needs_input is True, decompress(b"") returns
# nothing. The other 793,538 octets come with the closing four, so a file that was cut off loses them, though nothing of them is missing: they
# do come where max_length is as large as the block. With a smaller max_length needs_input is True too while decompress(b"") goes on giving,
# so a loop written as for bz2 or lzma ("until needs_input") ends early. lz4.frame.open() reads in the first way: 8,000 octets, then EOFError.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check lz4==4.4.5
env/bin/python - <<'PY'
import io
import sys

import lz4.frame

text = b"".join(b"192.0.2.%d 198.51.100.7 tcp 40000 80 syn\n" % (n % 7) for n in range(20000))
maker = lz4.frame.LZ4FrameCompressor(block_size=lz4.frame.BLOCKSIZE_MAX1MB)
frame = maker.begin() + maker.compress(text) + maker.flush()
block, mark = frame[:-4], frame[-4:]  # the end mark: four octets of zero
assert mark == bytes(4) and len(text) == 800000
changed = False


def seen(what, value, then):
    global changed
    same = value == then
    changed |= not same
    print(f"seen: {what}: {value}" if same else f"changed: {what}: {value}, was {then}")


def feed(piece, limit):
    reader = lz4.frame.LZ4FrameDecompressor()
    got = sum(len(reader.decompress(block[at : at + piece], max_length=limit)) for at in range(0, len(block), piece))
    return reader, got


reader, got = feed(len(block), -1)
seen("one call, no max_length", (got, reader.needs_input), (6462, True))
seen("then, with no more input", len(reader.decompress(b"")), 0)
seen("then, with the end mark", len(reader.decompress(mark)), 793538)
seen("pieces of ten octets, no max_length", feed(10, -1)[1], 2)
seen("one call, max_length of 1 MiB", feed(len(block), 1 << 20)[1], 800000)
reader, got = feed(len(block), 1 << 16)
seen("one call, max_length of 64 KiB", (got, reader.needs_input), (65536, True))
seen("then, with no more input", len(reader.decompress(b"", max_length=1 << 16)), 65536)
got, how = 0, "ends"
with lz4.frame.open(io.BytesIO(block)) as file:
    try:
        while part := file.read(1000):
            got += len(part)
    except EOFError as problem:
        how = type(problem).__name__
seen("lz4.frame.open, by 1,000", (got, how), (8000, "EOFError"))
sys.exit(changed)
PY
