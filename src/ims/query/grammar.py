"""The grammar of filters: pcap-filter(7) as far as stored columns can answer, and our own words.

`and` and `or` have equal precedence and go left to right, and so have `|` and `&`, as in libpcap's grammar.y.
There `%` and `^` have no precedence at all, so that yacc takes as much as it can to their right; so do we.
A number or name that stands alone takes the qualifiers of what stood before it: `port 80 or 443`.
"""

from __future__ import annotations

from functools import cache

import lark

GRAMMAR = r"""
?start: logic
?logic: unary
      | logic _AND unary -> conjunction
      | logic _OR unary -> disjunction
?unary: _relation
      | _NOT unary -> negation
_relation: arith
      | comparison
      | qualified
      | word
comparison: arith RELATION arith

?arith: shift
      | arith BITS shift -> arithmetic
?shift: sum
      | shift SHIFT sum -> arithmetic
?sum: product
      | sum SIGN product -> arithmetic
?product: modulo
      | product TIMES modulo -> arithmetic
?modulo: factor
      | factor TIGHT arith -> arithmetic
?factor: primary
      | SIGN modulo -> negative
?primary: "(" logic ")" -> group
      | NUMBER -> number
      | CONSTANT -> constant
      | header "[" arith "]" -> octets
      | header "[" arith ":" NUMBER "]" -> octets
      | TTL -> ttl
      | LENGTH -> length
      | bare
bare: ADDRESS | DOTTED | CIDR | NAME
header: IP | PROTOCOL | OTHER_LINK

qualified: protocol -> only_protocol
      | head ids -> qualified
      | head id MASK id -> masked
      | MULTICAST -> multicast
      | IP MULTICAST -> multicast
      | BROADCAST -> broadcast
      | IP BROADCAST -> broadcast
      | (GREATER | LESS) NUMBER -> length
head: protocol? direction kind? | protocol? kind
protocol: IP | PROTOCOL | OTHER_LINK
direction: SRC | DST | SRC _OR DST -> either | DST _OR SRC -> either | SRC _AND DST -> both | DST _AND SRC -> both
kind: HOST | NET | PORT | PORTRANGE | PROTO
?ids: id | "(" id_list ")"
id_list: id (_OR id)*
!id: NUMBER | ADDRESS | DOTTED | CIDR | RANGE | NAME | ESCAPED | PROTOCOL

word: CATEGORY NAME -> category
      | SIGNATURE HEX -> signature
      | PAYLOAD -> payload
      | PAYLOAD CONTAINS (TEXT | HEX) -> contains
      | NEW -> plain
      | VERIFIED -> plain
      | FRAGMENT -> plain
      | BLOCK (LABEL | TEXT) -> label
      | SENSOR (LABEL | TEXT) -> label

_AND.9: /and\b|&&/
_OR.9: /or\b|\|\|/
_NOT.9: /not\b|!(?!=)/
RELATION.8: "<=" | ">=" | "==" | "!=" | "<" | ">" | "="
SHIFT.9: "<<" | ">>"
BITS: "|" | "&"
SIGN: "+" | "-"
TIMES: "*" | "/"
TIGHT: "%" | "^"

IP: "ip"
PROTOCOL.8: /(tcp|udp|icmp|igmp|igrp|gre|esp|ah|ospf|pim|vrrp|carp|sctp)(?![-\w])/
OTHER_LINK.8: /(ip6|icmp6|arp|rarp|ether)(?![-\w])/
SRC: "src"
DST: "dst"
HOST: "host"
NET: "net"
PORT: "port"
PORTRANGE: "portrange"
PROTO: "proto"
MASK: "mask"
MULTICAST: "multicast"
BROADCAST: "broadcast"
GREATER: "greater"
LESS: "less"
LENGTH: "len"
TTL: "ttl"
CATEGORY: "category"
SIGNATURE: "signature"
PAYLOAD: "payload"
CONTAINS: "contains"
NEW: "new"
VERIFIED: "verified"
FRAGMENT: "fragment"
BLOCK: "block"
SENSOR: "sensor"

CONSTANT.7: /(icmp|tcp)-[a-z]+\b|icmptype\b|icmpcode\b|tcpflags\b/
CIDR.6: /\d+(\.\d+){0,3}\/\d+/
ADDRESS.5: /\d+\.\d+\.\d+\.\d+/
DOTTED.4: /\d+\.\d+(\.\d+)?(?![.\d])/
RANGE.3: /[A-Za-z0-9_]+-[A-Za-z0-9_]+(?![-.\w])/
HEX.1: /(0x)?[0-9A-Fa-f]+/
NUMBER.2: /0[xX][0-9A-Fa-f]+|\d+/
ESCAPED: /\\[a-z]+/
NAME: /[A-Za-z_][A-Za-z0-9_.-]*/
LABEL: /[A-Za-z0-9][A-Za-z0-9._\/-]*/
TEXT: /"([^"\\]|\\.)*"|'([^'\\]|\\.)*'/
%ignore /[ \t\r\n]+/
"""


@cache
def parser() -> lark.Lark:
    """The parser, made once: LALR, so its time is linear and its stack its own."""
    return lark.Lark(GRAMMAR, parser="lalr", propagate_positions=True, maybe_placeholders=False)
