"""The verbs as methods, which make a request of their words. The same for stores, a lake and a portal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from ims.analyse.methods import Analyses
    from ims.analyse.result import Result
    from ims.backend import Backend
    from ims.export import ExportReport
    from ims.query.answer import Answer
    from ims.query.request import Request
    from ims.query.verbs import VerbName
    from ims.whole_file import Output

Moment = str | float | datetime | None


class VerbMethods:
    """Questions in words, answered by a `backend`. Every verb takes a filter in tcpdump's language (docs/filter.md),
    and a time range [since, until): datetimes or ISO 8601 text, UTC unless they say otherwise, or the time since 1970
    in seconds, milliseconds, microseconds or nanoseconds, distinguished by their digits. Where rows were left out at a
    limit, the answer's record says so. The words, and what answers hold, are in the table of verbs (query/verbs.py).

    What is wrong with a question raises ValueError in one line; a filter that can't be read says where.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    def ask(self, request: Request) -> Answer:
        """Answer a question, typed."""
        return self.backend.run(request)

    def count(self, filter: str | None = None, *, since: Moment = None, until: Moment = None) -> Answer:
        """One row: packets, bytes (IP total length; where hardware left 0 there, what came), distinct sources and
        destinations, payloads (packets that have one), distinct signatures, first and last arrival."""
        return self._question("count", filter, since=since, until=until)

    def series(
        self,
        filter: str | None = None,
        *,
        bin: str | int = "1h",
        group: str | None = None,
        metric: str = "packets",
        per_24: bool = False,
        since: Moment = None,
        until: Moment = None,
        limit: int | None = None,
    ) -> Answer:
        """A value for each bin of time (`time`, the group if any, `value`), oldest first.

        `bin`: `5m`, `1h`, ... `group`: a column, `block`, `sensor`, `/8` and the like (of the source), `source/N`,
        `destination/N`. `metric`: packets, bytes, bytes_capped (at most 1,500 of a packet), sources, destinations,
        payloads, new_payloads. `per_24` divides by the mean size in /24s of what was watched in the bin, while anything
        was (paper, section 2.1). Without a group, bins in which the darknet was watched and nothing came have 0, unless
        there are more than 86,400. Whole weeks begin on Mondays. Default `limit`: 1,000,000.
        """
        words = {"bin": bin, "group": group, "metric": metric, "per_24": per_24, "limit": limit}
        return self._question("series", filter, since=since, until=until, **words)

    def top(
        self,
        column: str,
        filter: str | None = None,
        *,
        metric: str = "packets",
        per_24: bool = False,
        since: Moment = None,
        until: Moment = None,
        limit: int | None = None,
    ) -> Answer:
        """The values of a column (or group, as in `series`) with the most of a metric: the column and `value`. Default
        `limit`: 10."""
        words = {"group": column, "metric": metric, "per_24": per_24, "limit": limit}
        return self._question("top", filter, since=since, until=until, **words)

    def packets(
        self, filter: str | None = None, *, since: Moment = None, until: Moment = None, limit: int | None = None
    ) -> Answer:
        """The first packets, oldest first, with every column of docs/records.md; `time` has nanoseconds. Default
        `limit`: 100; the answer's record says how many match, and `export` writes all."""
        return self._question("packets", filter, since=since, until=until, limit=limit)

    def payloads(
        self, filter: str | None = None, *, since: Moment = None, until: Moment = None, limit: int | None = None
    ) -> Answer:
        """The payloads with the most packets: signature, number, length, packets, sources, first_seen, last_seen,
        ever_first_seen, ports (the most used), truncated, payload (bytes; null where they were lost), text, hexdump.

        Payloads with one MD5 (a deliberate collision) have a row each, with `number` 1, 2, ...; packets, sources, times
        and ports are then of all of them together. Default `limit`: 10.
        """
        return self._question("payloads", filter, since=since, until=until, limit=limit)

    def payload(self, signature: str) -> bytes:
        """The bytes of one stored payload, by six or more hex digits with which only its signature begins; `/2` behind
        them is the second payload with that MD5.

        Raises QuestionError (a ValueError) where they aren't hex digits, or fit no payload or several.
        """
        return self.backend.payload(signature)

    def sources(
        self, filter: str | None = None, *, since: Moment = None, until: Moment = None, limit: int | None = None
    ) -> Answer:
        """The sources with the most packets: source, packets, bytes, destinations, ports (the most used), payloads,
        first, last, verified (any of its packets was; null where no responder ran). Default `limit`: 20."""
        return self._question("sources", filter, since=since, until=until, limit=limit)

    def chain(
        self,
        filter: str | None = None,
        *,
        first: str,
        then: str | Sequence[str],
        within: str | int = "10m",
        at: str = "address",
        bin: str | int | None = None,
        since: Moment = None,
        until: Moment = None,
        limit: int | None = None,
    ) -> Answer:
        """The sources that did steps one after the other: source, variant, first, last, times; oldest first.

        `first` and `then` (one filter, or up to four in order) are the steps; each arrives later than the one before,
        by `within` at most; all of them at one dark address, at one `sensor`, or `anywhere` (`at`). A row for each
        source and `variant` (signature of the last step's payload; None without one), and with `bin` for each bin of
        time: when the last step `first` and `last` arrived after the others, and how many `times`. `filter` restricts
        all steps. Default `limit`: 1,000,000.
        """
        words = {"first": first, "then": [then] if isinstance(then, str) else then, "within": within, "at": at}
        return self._question("chain", filter, **words, bin=bin, since=since, until=until, limit=limit)

    def local(self, filter: str | None = None, *, since: Moment = None, until: Moment = None) -> Answer:
        """How much came from sources near to what they sent to: block, near, packets, sources, squares, most.

        `near`: source and destination are in the same `/16`; else in the same `/8`; else `elsewhere`; and `all` of
        them. `squares`: of the packets of each source, added up; `most`: the packets of one source. A source counts at
        each sensor. The block None is all of them together.
        """
        return self._question("local", filter, since=since, until=until)

    def cache(
        self, filter: str | None = None, *, bin: str | int = "1h", since: Moment = None, until: Moment = None
    ) -> Answer:
        """How often a payload was known already (Figure 8 of the paper): time, payloads, hits, hit_rate, and the
        same without ICMP errors, whose quotes are nearly all different."""
        return self._question("cache", filter, since=since, until=until, bin=bin)

    def storage(
        self, filter: str | None = None, *, bin: str | int = "1h", since: Moment = None, until: Moment = None
    ) -> Answer:
        """How many bytes packets have, and the files that they are stored in: time, packets, bytes (of IP packets on
        the wire), payloads, payload_bytes, new_payloads, new_bytes (of payloads new that day), truncated (packets that
        the capture cut), stored_packets, stored_bytes.

        Files are of whole hours: the last two are of all packets, payloads and raw frames of the hours that begin in a
        bin, whatever the filter takes.
        """
        return self._question("storage", filter, since=since, until=until, bin=bin)

    def coverage(self, *, since: Moment = None, until: Moment = None) -> Answer:
        """What was watched, and when: sensor, block, prefix, policy, since, until, frames_lost, payloads_lost."""
        return self._question("coverage", None, since=since, until=until)

    def darknet(
        self,
        filter: str | None = None,
        *,
        bin: str | int = "1h",
        group: str | None = None,
        since: Moment = None,
        until: Moment = None,
        limit: int | None = None,
    ) -> Answer:
        """How large the watched darknet was in each bin of time: time, the `group` (`block` or `sensor`) if any,
        addresses, answering, seconds; oldest first.

        `addresses` is the mean number of distinct addresses over the moments of the bin at which any (of the group) was
        watched, `seconds` in all; `answering`, of these, those for which a responder ran under a policy other than
        `silent` (`ports`, a table of port ranges, answers; a capture, `passive`, doesn't). An address that two sensors
        watch counts once, and answers if it does for one. Bins in which nothing was watched have no row. `addresses` of
        a bin is 256 times the size by which `per_24` divides. With a filter, only blocks and sensors count that it can
        match, whatever their packets. Default `limit`: 1,000,000.
        """
        words = {"bin": bin, "group": group, "limit": limit}
        return self._question("darknet", filter, since=since, until=until, **words)

    def sightings(
        self,
        filter: str | None = None,
        *,
        group: str | None = None,
        only: str | None = None,
        fresh: Moment = None,
        since: Moment = None,
        until: Moment = None,
        limit: int | None = None,
    ) -> Answer:
        """The payloads never seen before, and to which places each came in turn: signature, first (when), sensor and
        block (where), packets, sources, blocks and sensors (how many), second_sensor, second_block, second_delay
        (seconds), the same of the third, last, length, text (how it begins, printable). Sources and text are of the
        first 1,000 rows; of a payload that is lost there is no text.

        Never seen before: by no sensor in the part of the range before `fresh`, nor, of those that got it, since they
        began to remember (without `fresh` and `since`: before what is stored of these days). `group`: places are
        blocks, or sensors. `only`: what came to this place and to no other. Those that came to the most places are
        first, of these those with the most packets. Default `limit`: 1,000; at most 10,000.
        """
        words = {"group": group, "only": only, "fresh": fresh, "limit": limit}
        return self._question("sightings", filter, since=since, until=until, **words)

    def novelty(
        self,
        filter: str | None = None,
        *,
        bin: str | int = "1h",
        group: str | None = None,
        fresh: Moment = None,
        since: Moment = None,
        until: Moment = None,
        limit: int | None = None,
    ) -> Answer:
        """How many payloads never seen before came first in each bin of time and at each place, by where they came
        next: time, place, second, second_delay (whole seconds), third, third_delay, payloads, packets (of them, at all
        places). `second` and `third` are None where they came to no other. Otherwise as `sightings`. Default `limit`:
        1,000,000."""
        words = {"bin": bin, "group": group, "fresh": fresh, "limit": limit}
        return self._question("novelty", filter, since=since, until=until, **words)

    def export(
        self,
        out: Output,
        format: str = "pcap",
        filter: str | None = None,
        *,
        since: Moment = None,
        until: Moment = None,
        link: str = "raw",
    ) -> ExportReport:
        """Write packets to a file (`-`: standard output) as pcap, pcapng, parquet, csv or json, oldest first: it
        appears whole or not at all.

        pcap gives back every packet byte for byte from the IP header on, with its time to the nanosecond. `link`: what
        it stands in: `raw` (nothing), `ethernet` (a made-up header) or `ipv4` (nothing, and a link type that says so).
        """
        from ims.query.request import make_request

        return self.write(make_request("packets", filter, since=since, until=until), out, format, link)

    def write(self, request: Request, out: Output, format: str = "pcap", link: str = "raw") -> ExportReport:
        """Write the packets that a request of `packets` selects, as `export` does; its limit is ignored."""
        return self.backend.write(request, out, format, link)

    @property
    def analyse(self) -> Analyses:
        """The analyses, each a method: `telescope.analyse.rate("tcp", since="2026-03-04")`."""
        from ims.analyse.methods import Analyses

        return Analyses(self.analysis)

    def analysis(self, name: str, words: dict[str, Any], progress: Callable[[str], None] = lambda _: None) -> Result:
        """The result of an analysis, by its name and words (docs/analyses.md). `progress`: called with what is being
        asked."""
        from ims.analyse.execution import known, run

        return run(known(name), self.ask, words, progress, write=self.write)

    def _question(self, verb: VerbName, filter: str | None, **words: Any) -> Answer:
        """Answer a question in words, which a portal makes a request of itself."""
        from ims.query.request import make_request

        return self.ask(make_request(verb, filter, **words))

    def close(self) -> None:
        """Close connections and files."""
        self.backend.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()
