"""Open a capture, whatever its format: the first octets tell."""

from __future__ import annotations

from pathlib import Path

from ims.capture.pcap import PcapSource, magic_of
from ims.capture.pcapng import SECTION_MAGIC, PcapngSource
from ims.capture.source import Source
from ims.capture.stream import CHUNK, OctetStream


def open_source(path: str | Path, chunk: int = CHUNK) -> Source:
    """The frames of a capture file; `-` is standard input.

    Raises FileNotFoundError, IsADirectoryError, PermissionError, or ValueError where the file is empty or no
    capture.
    """
    stream = OctetStream(path, chunk)
    try:
        while stream.end - stream.begin < 4 and not stream.at_end:
            stream.fill(4)
        head = stream.octets[stream.begin : min(stream.begin + 4, stream.end)].tobytes()
        if len(head) == 4:
            if magic_of(head) is not None:
                return PcapSource(stream, head)
            if head == SECTION_MAGIC:
                return PcapngSource(stream)
        if stream.warning:
            raise ValueError(f"{stream.name}: {stream.warning}")
        raise ValueError(
            f"{stream.name} is no capture: it begins with {head.hex(' ') or 'nothing'}; "
            "wanted pcap (a1 b2 c3 d4 in either order) or pcapng (0a 0d 0d 0a), plain, gzip or zstd"
        )
    except BaseException:
        stream.close()
        raise
