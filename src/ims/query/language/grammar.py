"""The grammar of filters: pcap-filter(7) as far as it is about stored columns, and our own words.

`and` and `or` have equal precedence and go left to right. In arithmetic `|` binds loosest, then `&`, shifts, sums,
products. libpcap's grammar.y gives `%` and `^` no precedence: yacc, like Lark, takes as much as it can to their right.

A number, name or address alone takes the qualifiers of what is before it: `port 80 or 443`. Whether `(80)` is such an
id or arithmetic shows only later, so one rule reads both and tree_builder.py distinguishes them.
"""

from __future__ import annotations

from functools import cache

import lark

from ims.query.language.names import KEYWORDS, NEVER

GRAMMAR = r"""
?start: logic
?logic: term
      | logic _AND term -> conjunction
      | logic _OR term -> disjunction
?term: relation
      | _NOT term -> negation
?relation: arith
      | arith RELATION arith -> comparison
      | PROTOCOL -> protocol
      | head ids -> qualified
      | PROTOCOL? MULTICAST -> multicast
      | CATEGORY NAME -> category
      | SIGNATURE HEX -> signature
      | (PAYLOAD | NEW | VERIFIED | FRAGMENT) -> has
      | PAYLOAD CONTAINS (TEXT | HEX) -> contains
      | (BLOCK | SENSOR) (LABEL | TEXT) -> named

!?arith: band
      | arith "|" band -> arithmetic
!?band: shift
      | band "&" shift -> arithmetic
?shift: sum
      | shift SHIFT sum -> arithmetic
!?sum: product
      | sum ("+" | "-") product -> arithmetic
!?product: greedy
      | product ("*" | "/") greedy -> arithmetic
!?greedy: factor
      | factor ("%" | "^") arith -> arithmetic
?factor: primary
      | "-" greedy -> negative
?primary: id
      | "(" logic ")" -> group
      | PROTOCOL "[" arith (":" NUMBER)? "]" -> octets
      | TTL -> ttl

head: PROTOCOL? direction KIND?
      | PROTOCOL? KIND
direction: SRC
      | DST
      | (SRC _OR DST | DST _OR SRC) -> either
      | (SRC _AND DST | DST _AND SRC) -> both
?ids: id
      | PROTOCOL -> name
      | _NOT ids -> negation
      | "(" id_logic ")" -> group
?id_logic: ids
      | id_logic _AND ids -> conjunction
      | id_logic _OR ids -> disjunction
?id: NUMBER -> number
      | (NAME | ESCAPED) -> name
      | ADDRESS -> address
      | ADDRESS "/" NUMBER -> prefix
      | ADDRESS MASK ADDRESS -> masked

_AND.5: /and~|&&/
_OR.5: /or~|\|\|/
_NOT.5: /not~|!(?!=)/
PROTOCOL.5: /(ip|PROTOCOLS)~/
KIND.5: /(host|net|portrange|port|proto)~/
SHIFT.5: /<<|>>/
RELATION.4: /[<>=!]=|[<>=]/
NUMBER.3: /(0[xX][0-9A-Fa-f]+|[0-9]+)~/
ADDRESS.3: /[0-9]+(\.[0-9]+){1,3}~/
HEX.3: /(0x)?[0-9A-Fa-f]+~/
NAME.2: /[A-Za-z0-9]([-_.A-Za-z0-9]*[.A-Za-z0-9])?/
ESCAPED: /\\[^ !()\n\t]+/
LABEL: /[A-Za-z0-9][-_.\/A-Za-z0-9]*/
TEXT: /"([^"\\]|\\.)*"|'([^'\\]|\\.)*'/s
%ignore /[ \t\r\n]+/
"""


KEYWORD_TERMINALS = (
    "src", "dst", "mask", "multicast", "ttl", "category", "signature", "payload", "contains", "new", "verified",
    "fragment", "block", "sensor",
)  # fmt: skip
"""Terminals of the grammar that match their own name."""


@cache
def parser() -> lark.Lark:
    """The parser, made once (40 ms): LALR, so its time is linear and it doesn't recurse."""
    grammar = GRAMMAR + "".join(f"{word.upper()}.5: /{word}~/\n" for word in KEYWORD_TERMINALS)
    grammar = grammar.replace("~", r"(?![-_.A-Za-z0-9])").replace("PROTOCOLS)", "|".join((*KEYWORDS, *NEVER)) + ")")
    return lark.Lark(grammar, parser="lalr", lexer="contextual", propagate_positions=True, maybe_placeholders=False)
