"""`ims export`: what came in, given back."""

from __future__ import annotations

from typing import Annotated, Any

from typer import Argument, Option

from ims.cli.options import examples
from ims.cli.query_target import asks
from ims.cli.stderr import warn
from ims.query.verbs import SINCE, UNTIL
from ims.text import quantity

EXAMPLES = examples(
    "ims export pcap --store STORE --out all.pcap",
    "ims export pcap 'tcp dst port 23' --store STORE --since 2026-03-04 --until 2026-03-05 --out telnet.pcap",
    "ims export parquet 'category backscatter' --store STORE --out backscatter.parquet",
    "ims export csv 'payload contains \"GET /\"' --store STORE --out http.csv",
    "ims export json 'udp' --store STORE --out - | head",
    "ims export pcap --link ethernet --store STORE --out replay.pcap",
)


@asks
def export(
    telescope: Any,
    format: Annotated[str, Argument(metavar="pcap|pcapng|parquet|csv|json", help="What to write.")],
    filter: Annotated[str | None, Argument(metavar="[FILTER]", help="Which packets; all without one.")] = None,
    *,
    out: Annotated[str, Option(metavar="FILE", help="File to write; - for standard output.")],
    since: Annotated[str | None, Option(metavar="T", help=SINCE.sentence)] = None,
    until: Annotated[str | None, Option(metavar="T", help=UNTIL.sentence)] = None,
    link: Annotated[
        str, Option(metavar="raw|ethernet|ipv4", help="Header of a pcap's packets: none, Ethernet, none (type 228).")
    ] = "raw",
) -> None:
    """Write packets out: pcap gives back every stored packet byte for byte from the IP header on.

    pcap holds packets from their IP header on, with nanosecond times, under link type 101 (RAW), which the programs of
    the trade read. For those that want Ethernet (tcpreplay) --link ethernet puts a header before each: to
    02:00:00:00:00:01, from 02:00:00:00:00:02, which are made up. --link ipv4 writes link type 228 (IPV4).
    pcapng holds the same, and times before 1970 and after 2106 too, which pcap's seconds in 32 bits can't.
    parquet, csv and json hold the columns of docs/records.md, json one record a line.
    """
    from ims.cli.present import announce_compiling
    from ims.telescope import Telescope

    if isinstance(telescope, Telescope):  # a portal has its own kernels
        announce_compiling()
    report = telescope.export(out, format, filter, since=since, until=until, link=link)
    place = "standard output" if out == "-" else out
    warn(*report.warnings, f"{quantity(report.packets, 'packet')} to {place}")
