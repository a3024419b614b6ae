"""Open a capture, whatever its format: the first octets tell."""

from __future__ import annotations

from pathlib import Path

from ims.capture.decompression import format_of
from ims.capture.erf import ErfSource, is_erf
from ims.capture.file import Stop, never
from ims.capture.pcap import PcapSource, magic_of
from ims.capture.pcapng import SECTION_MAGIC, PcapngSource
from ims.capture.source import Source
from ims.capture.stream import CHUNK, READ, OctetStream

FOREIGN = {
    b"snoop\0\0\0": "Sun's snoop",
    b"RTSS": "Microsoft Network Monitor 1",
    b"GMBU": "Microsoft Network Monitor 2",
    b"TRSNIFF ": "Network General's Sniffer",
    b"iptrace ": "AIX iptrace",
    b"XCP\0": "NetXRay",
    b"\x7fver": "EtherPeek",
    b"\x4d\x3c\x2b\xa1": "Navtel's pcap",
    b"\xa1\x2b\x3c\x4d": "Navtel's pcap",
    b"\xcd\x34\xb2\xa1": "Mesquita's pcap",
    b"\xa1\xb2\x34\xcd": "Mesquita's pcap",
    b"PK\x03\x04": "a zip archive: unpack it first",
    b"\x02\x21\x4c\x18": "lz4's legacy format: `lz4 -d` reads it",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive: unpack it first",
    b"Rar!": "a RAR archive: unpack it first",
    b"\x1f\x9d": "compress's .Z: `zcat` reads it",
    b"\x5d\0\0": "lzma without xz: `xz -dc` reads it",
    b"Observer": "Network Instruments' Observer",
    b"TR\0d": "HP-UX nettl",
    b"\x05VNF": "Visual Networks",
    b"\xaa\xaa\xaa\xaa": "Accellent 5Views",
    b"+------": "K12 text",
}
TAR, TAR_AT = b"ustar", 257


def open_source(path: str | Path, chunk: int = CHUNK, stop: Stop = never) -> Source:
    """The frames of a capture file; `-` is standard input. What isn't a regular file is opened once, and waited for.

    Raises FileNotFoundError, IsADirectoryError, PermissionError; ValueError where the file is empty or no capture;
    InterruptedError where `stop` ended the waiting for its beginning.
    """
    stream = OctetStream(path, chunk, stop)
    try:
        stream.need(4)
        head = stream.peek(0, 8)
        if len(head) >= 4:
            if magic_of(head) is not None:
                return PcapSource(stream, head)
            if head.startswith(SECTION_MAGIC):
                return PcapngSource(stream)
            if is_erf(stream):
                return ErfSource(stream)
        if stream.warning:
            raise ValueError(f"{stream.name}: {stream.warning}")
        if not head:
            raise ValueError(f"{stream.name} is empty once it is unpacked; expected {READ}")
        raise ValueError(
            f"{stream.name} is no capture: it begins with {head[:4].hex(' ')}{_foreign(stream, head)}; "
            f"expected {READ}. Others can be converted: editcap -F pcapng IN OUT"
        )
    except BaseException:
        stream.close()
        raise


def _foreign(stream: OctetStream, head: bytes) -> str:
    """What it is, in brackets, where that is known."""
    if not stream.is_pipe:  # whose octets may be long in coming
        stream.need(TAR_AT + len(TAR))
    if stream.peek(TAR_AT, len(TAR)) == TAR:
        return " (a tar archive: unpack it first)"
    twice = format_of(head)
    if twice is not None:
        return f" (compressed twice: below is {twice.name})"
    return next((f" ({name})" for magic, name in FOREIGN.items() if head.startswith(magic)), "")
