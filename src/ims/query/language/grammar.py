"""The grammar of filters: pcap-filter(7) as far as stored columns can answer, and our own words.

`and` and `or` have equal precedence and go left to right. In arithmetic `|` binds loosest, then `&`, shifts, sums,
products. libpcap's grammar.y forgets `%` and `^`: without a precedence, yacc takes as much as it can to their right,
and so do we (Lark, too, prefers to go on reading).

A number, name or address alone takes the qualifiers of what stands before it: `port 80 or 443`. Whether `(80)` is such
an id or arithmetic shows only later, so one rule reads both and tree_builder.py distinguishes them.
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

?arith: band
      | arith BAR band -> arithmetic
?band: shift
      | band AMPERSAND shift -> arithmetic
?shift: sum
      | shift SHIFT sum -> arithmetic
?sum: product
      | sum (PLUS | MINUS) product -> arithmetic
?product: greedy
      | product (STAR | SLASH) greedy -> arithmetic
?greedy: factor
      | factor (PERCENT | CARET) arith -> arithmetic
?factor: primary
      | MINUS greedy -> negative
?primary: id
      | _LPAR logic _RPAR -> group
      | PROTOCOL _LSQB arith (_COLON NUMBER)? _RSQB -> octets
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
      | _LPAR id_logic _RPAR -> group
?id_logic: ids
      | id_logic _AND ids -> conjunction
      | id_logic _OR ids -> disjunction
?id: NUMBER -> number
      | (NAME | ESCAPED) -> name
      | ADDRESS -> address
      | ADDRESS SLASH NUMBER -> prefix
      | ADDRESS MASK ADDRESS -> masked

_AND.5: /and~|&&/
_OR.5: /or~|\|\|/
_NOT.5: /not~|!(?!=)/
PROTOCOL.5: /(ip|PROTOCOLS)~/
SRC.5: /src~/
DST.5: /dst~/
KIND.5: /(host|net|portrange|port|proto)~/
MASK.5: /mask~/
MULTICAST.5: /multicast~/
TTL.5: /ttl~/
CATEGORY.5: /category~/
SIGNATURE.5: /signature~/
PAYLOAD.5: /payload~/
CONTAINS.5: /contains~/
NEW.5: /new~/
VERIFIED.5: /verified~/
FRAGMENT.5: /fragment~/
BLOCK.5: /block~/
SENSOR.5: /sensor~/

SHIFT.5: /<<|>>/
RELATION.4: /[<>=!]=|[<>=]/
BAR: "|"
AMPERSAND: "&"
PLUS: "+"
MINUS: "-"
STAR: "*"
SLASH: "/"
PERCENT: "%"
CARET: "^"
_LPAR: "("
_RPAR: ")"
_LSQB: "["
_RSQB: "]"
_COLON: ":"

NUMBER.3: /(0[xX][0-9A-Fa-f]+|[0-9]+)~/
ADDRESS.3: /[0-9]+(\.[0-9]+){1,3}~/
HEX.3: /(0x)?[0-9A-Fa-f]+~/
NAME.2: /[A-Za-z0-9]([-_.A-Za-z0-9]*[.A-Za-z0-9])?/
ESCAPED: /\\[^ !()\n\t]+/
LABEL: /[A-Za-z0-9][-_.\/A-Za-z0-9]*/
TEXT: /"([^"\\]|\\.)*"|'([^'\\]|\\.)*'/s
%ignore /[ \t\r\n]+/
"""


@cache
def parser() -> lark.Lark:
    """The parser, made once (40 ms): LALR, so its time is linear and its stack its own."""
    grammar = GRAMMAR.replace("~", r"(?![-_.A-Za-z0-9])").replace("PROTOCOLS)", "|".join((*KEYWORDS, *NEVER)) + ")")
    return lark.Lark(grammar, parser="lalr", lexer="contextual", propagate_positions=True, maybe_placeholders=False)
