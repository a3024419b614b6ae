"""Answers as analysts see them: nothing that is or holds a monitored address, sorted by what is shown.

Sensors sort rows that tie by columns that aren't shown (packets that arrived together, by destination; payloads that
came equally often, by their MD5), and a limit cuts them in that order. So rows are sorted by what is shown; where they
were cut, not all that tie with the last one are here, and only those are shown that would be in any case.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ims import arrow
from ims.portal.privacy.address_scan import AddressScan
from ims.portal.privacy.query_policy import TELLING, Forbidden, PayloadLookup, wanted_of
from ims.query.plans.sightings import BY, DESCRIBED
from ims.query.request import Request
from ims.query.verbs import MOST_DETAILED, VERBS

SHOWN = ("count", "series", "top", "packets", "payloads", "sources", "chain", "sightings", "novelty", "cache",
         "storage", "coverage", "darknet")  # fmt: skip
"""Verbs whose answers `shown` knows how to redact."""
OF_FILES = ("stored_packets", "stored_bytes")
"""Of the verb `storage`: how small files are depends on the addresses in them."""
EXTRA = {"packets": 1000, "top": 1000, "series": 1, "payloads": 100, "chain": 1000, "sightings": 1000}
"""Rows to ask for beyond those to show; of a series one, to know whether its last bin is whole."""
NOWHERE = "192.0.2.0"  # in place of null, where addresses are computed together
LOOKED_UP = MOST_DETAILED  # payloads looked up at once: as many as a question may name, usually 15 MB
WITHHELD = "withheld"  # in a group by signature, payloads that hold an address; null: packets without a payload


def check(request: Request) -> None:
    """Raises Forbidden for a verb that `shown` doesn't know."""
    if request.verb not in SHOWN:
        raise Forbidden(f"{request.verb} isn't shown to analysts; they may ask for {', '.join(SHOWN)}")


def rows_for(request: Request) -> int:
    """The limit to ask sensors for; 0: the default."""
    if request.verb not in EXTRA or (request.verb in ("top", "series") and request.group != "signature"):
        return request.limit
    return min(VERBS[request.verb].most_rows, request.rows + EXTRA[request.verb])


def shown(request: Request, table: pa.Table, words: AddressScan, payloads: PayloadLookup | None) -> pa.Table:
    """The table of an analyst's answer."""
    wanted, full = wanted_of(request), len(table) >= request.rows
    if request.verb == "packets":
        return _packets(table, words, payloads, wanted, full)
    if request.verb == "payloads":
        return _payloads(table, words, wanted, full)
    if request.verb == "storage":
        return table.drop_columns([name for name in OF_FILES if name in table.column_names])
    if request.verb == "coverage":
        kept = table.drop_columns([name for name in ("prefix",) if name in table.column_names])
        if "policy" in kept.column_names:  # ports that answer differently would tell a sensor from others
            kept = _with(kept, "policy", pc.replace_substring_regex(kept.column("policy"), "[ ,].*", ""))
        return _sorted(kept, kept.column_names)
    if request.verb == "chain":
        return _chains(table, words, payloads, wanted, full)
    if request.verb == "sightings":
        return _sightings(request, table, words, payloads, wanted, full)
    name = request.group_name
    if request.verb == "sources" or request.group == "source":
        return table.filter(arrow.column(~_monitored(table.column("source"), words), pa.bool_()))
    if request.group == "signature" and name is not None:
        table = _with(table, name, _known(table.column(name), words, payloads, WITHHELD))
        return _series(table, wanted, full) if request.verb == "series" else _top(table, wanted, full)
    return table


def _packets(table: pa.Table, words: AddressScan, payloads: PayloadLookup | None, wanted: int, full: bool) -> pa.Table:
    table = table.drop_columns([name for name in TELLING if name in table.column_names])
    table = _without(table, "source", arrow.column(_monitored(table.column("source"), words), pa.bool_()))
    options = _encoded(table.column("tcp_options"))
    dark = arrow.column(words.which([bytes.fromhex(each) for each in options.dictionary.to_pylist()]), pa.bool_())
    table = _without(table, "tcp_options", pc.fill_null(dark.take(options.indices), False))
    table = _with(table, "signature", _known(table.column("signature"), words, payloads, None))
    arrived = arrow.numbers(table.column("time"))
    table = _sorted(table, ["time", *(name for name in table.column_names if name != "time")])
    if full and len(table) > wanted:
        # Some of the last moment's packets may be missing; destinations decided which.
        whole = int(np.searchsorted(arrow.numbers(table.column("time")), arrived[-1], "left"))
        if whole == 0 and wanted:
            raise Forbidden(f"more than {len(table):,} packets came in one moment; ask for fewer, by port or source")
        table = table.slice(0, whole)
    return table.slice(0, wanted)


def _payloads(table: pa.Table, words: AddressScan, wanted: int, full: bool) -> pa.Table:
    """Rows of payloads that hold an address, or can't be searched, keep only their counts."""
    octets = table.column("payload").to_pylist()
    dark = words.which([each or b"" for each in octets]) | np.array([each is None for each in octets], np.bool_)
    hidden = arrow.column(dark, pa.bool_())
    for name in ("signature", "payload", "text", "hexdump"):
        table = _without(table, name, hidden)
    table = _without(table, "number", hidden, 1)
    return _ranked(table, "packets", "signature", dark, wanted, full)


def _chains(table: pa.Table, words: AddressScan, payloads: PayloadLookup | None, wanted: int, full: bool) -> pa.Table:
    """A row for each payload that is withheld, too, in an order that doesn't tell them apart."""
    if full and len(table):  # of its last moment some may be missing; signatures decided which
        begins = arrow.numbers(table.column("first"))
        whole = int(np.searchsorted(begins, begins[-1], "left"))
        if whole == 0 and wanted:
            raise Forbidden(f"more than {len(table):,} chains ended in one moment; ask for fewer, by port or source")
        table = table.slice(0, whole)
    table = table.filter(arrow.column(~_monitored(table.column("source"), words), pa.bool_()))
    table = _with(table, "variant", _known(table.column("variant"), words, payloads, WITHHELD))
    return _sorted(table, ["first", "source", "variant", "last", "times"]).slice(0, wanted)


def _sightings(
    request: Request, table: pa.Table, words: AddressScan, payloads: PayloadLookup | None, wanted: int, full: bool
) -> pa.Table:
    """Rows of payloads that hold an address, or can't be searched, have neither signature nor text. Those that tie
    where the answer is cut are left out, and those that tie where descriptions end have none: which of them come
    first, signatures decided."""
    order = [(f"{request.group or BY}s", "descending"), ("packets", "descending"), ("first", "ascending")]
    keys = list(zip(*(table.column(name).to_pylist() for name, _ in order), strict=True))
    if full and keys:
        whole = keys.index(keys[-1])
        if whole == 0 and wanted:
            raise Forbidden(f"more than {len(table):,} payloads came in one moment; ask for fewer, by port or source")
        table, keys = table.slice(0, whole), keys[:whole]
    signature = _known(table.column("signature"), words, payloads, WITHHELD)
    # What is cut, or made printable, may look like another address than the payload holds.
    texts = [(text or "").encode() for text in table.column("text").to_pylist()]
    table = _without(table, "text", pc.or_(pc.equal(signature, WITHHELD), arrow.column(words.which(texts), pa.bool_())))
    if len(keys) > DESCRIBED and keys[DESCRIBED - 1] == keys[DESCRIBED]:
        tied = arrow.column([key == keys[DESCRIBED] for key in keys], pa.bool_())
        table = _without(_without(table, "text", tied), "sources", tied)
    table = _with(table, "signature", signature)
    others = [(name, "ascending") for name in table.column_names if name not in dict(order)]
    return table.sort_by([*order, *others]).slice(0, wanted)


def _top(table: pa.Table, wanted: int, full: bool) -> pa.Table:
    name = table.column_names[0]
    dark = [key == WITHHELD for key in table.column(name).to_pylist()]
    return _ranked(table, "value", name, dark, wanted, full)


def _ranked(table: pa.Table, value: str, key: str, dark: Any, wanted: int, full: bool) -> pa.Table:
    """Largest first; of equals those with a key, by it, then those without, by all that is shown of them."""
    values, keys = table.column(value).to_pylist(), table.column(key).to_pylist()
    rows = table.to_pylist()
    last = values[-1] if full and values and len(values) > wanted else None
    order = [at for at in range(len(rows)) if not (dark[at] and values[at] == last)]

    def place(at: int) -> tuple[Any, ...]:
        if not dark[at]:
            return (-values[at], 0, keys[at] or "", str(rows[at].get("number", "")).zfill(5))
        return (-values[at], 1, "", repr(list(rows[at].items())))

    order.sort(key=place)
    return table.take(arrow.column(order[:wanted], pa.int64()))


def _series(table: pa.Table, wanted: int, full: bool) -> pa.Table:
    """Series by signature: what is withheld is added up in each bin. Raises Forbidden where no bin is whole."""
    name = table.column_names[1]
    kind = table.schema.field("value").type
    begins = table.column("time").cast(pa.int64()).to_pylist()
    rows: dict[tuple[int, bool, str], Any] = {}
    for begin, key, value in zip(begins, *(table.column(n).to_pylist() for n in (name, "value")), strict=True):
        if full and begin == begins[-1]:
            continue  # not all of this bin is here
        place = (begin, key is None, key or "")
        rows[place] = rows.get(place, 0) + value
    if full and not rows and wanted:
        raise Forbidden(f"more than {wanted:,} signatures came in one bin; ask for shorter bins, or filter for fewer")
    order = sorted(rows)[:wanted]
    return pa.table(
        {
            "time": arrow.column([begin for begin, _, _ in order], pa.int64()).cast(pa.timestamp("us", "UTC")),
            name: arrow.column([None if none else key for _, none, key in order], pa.string()),
            "value": arrow.column([rows[place] for place in order], kind),
        }
    )


def _known(column: Any, words: AddressScan, payloads: PayloadLookup | None, withheld: str | None) -> pa.Array:
    """Signatures (hex) of payloads that are known and hold no address; `withheld` for others; null stays."""
    encoded = _encoded(column)
    named = encoded.dictionary.to_pylist()
    asked = [bytes.fromhex(each) for each in sorted(named)]
    clear: set[str] = set()
    for begin in range(0, len(asked), LOOKED_UP):
        found = payloads(asked[begin : begin + LOOKED_UP]) if payloads is not None else {}
        dark = words.which(list(found.values()))
        clear.update(signature.hex() for signature, hidden in zip(found, dark, strict=True) if not hidden)
    shown = arrow.column([each if each in clear else withheld for each in named], pa.string())
    return shown.take(encoded.indices)


def _monitored(column: Any, words: AddressScan) -> Any:
    """Of each dotted address, whether it is monitored: bool (n,); null isn't. Raises ValueError for any other text,
    which would shift the rows after it."""
    parts = pc.split_pattern(pc.fill_null(column, NOWHERE), ".")
    if pc.any(pc.not_equal(pc.list_value_length(parts), 4)).as_py():
        raise ValueError("an address isn't dotted")
    numbers = pc.list_flatten(parts).cast(pa.int64())
    addresses = arrow.numbers(numbers).reshape(-1, 4) @ np.array([1 << 24, 1 << 16, 1 << 8, 1])
    return words.monitored(addresses) & arrow.flags(pc.is_valid(column))


def _encoded(column: Any) -> pa.DictionaryArray:
    """Each different value once, so that it is looked at once, and the rows' indices."""
    return column.combine_chunks().dictionary_encode()


def _without(table: pa.Table, name: str, hidden: pa.Array, shown: int | None = None) -> pa.Table:
    """With `shown` in place of the values that are hidden."""
    column = table.column(name)
    return _with(table, name, pc.if_else(hidden, pa.scalar(shown, column.type), column))


def _with(table: pa.Table, name: str, column: Any) -> pa.Table:
    return table.set_column(table.column_names.index(name), table.schema.field(name), column)


def _sorted(table: pa.Table, names: list[str]) -> pa.Table:
    return table.sort_by([(name, "ascending") for name in names])
