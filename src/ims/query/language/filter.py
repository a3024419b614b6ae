"""The filter language: text to syntax tree. tcpdump's (pcap-filter(7)) over stored columns, and our own words.

`parse` is the entry point; grammar.py has the grammar, tree_builder.py and qualifiers.py its meaning, errors.py the
messages, syntax_tree.py the syntax tree, json_codec.py its JSON, plans/predicate.py its condition in Ibis.
"""

from __future__ import annotations

import lark

from ims.query.language.columns import mentions_destination, uses
from ims.query.language.errors import FilterError, explain, point
from ims.query.language.grammar import parser
from ims.query.language.json_codec import from_json, to_json
from ims.query.language.syntax_tree import DEEPEST, Expression, check_size
from ims.query.language.tree_builder import nesting, read

__all__ = ["Expression", "FilterError", "from_json", "mentions_destination", "parse", "point", "to_json", "uses"]

LONGEST = 4096
"""Bytes of a filter."""


def parse(text: str, longest: int = LONGEST) -> Expression:
    """The syntax tree of a filter. Time is linear in its length: 20 ms for the longest. Raises FilterError (a
    ValueError) where it can't be read, asks for what isn't stored, or is too large: `longest` bytes, `check_size`."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > longest:
        raise FilterError(f"it has {size:,} bytes; at most {longest:,} are taken", text, 1)
    _check_brackets(text)
    try:
        found = parser().parse(text)
    except lark.exceptions.UnexpectedInput as error:
        raise explain(error, text) from None
    if nesting(found) > DEEPEST + 4:  # before anything recurses; a parse tree is a little deeper than its syntax tree
        message = f"it is nested more than {DEEPEST} deep (`and` and `or` in turns nest too: group them)"
        raise FilterError(message, text, 1)
    tree = read(found, text)
    try:
        check_size(tree)
    except ValueError as error:
        raise FilterError(str(error), text, 1) from None
    return tree


def _check_brackets(text: str) -> None:
    """Refuse deep brackets before anything recurses; those in quoted texts count too, which does no harm."""
    deep = 0
    for at, character in enumerate(text):
        deep += (character in "([") - (character in ")]")
        if deep > DEEPEST:
            raise FilterError(f"brackets are nested more than {DEEPEST} deep", text, at + 1)
