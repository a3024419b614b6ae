"""Which packets a tree of conditions takes where some lack the octets that it reads, as BPF decides it.

In BPF (libpcap's bpf_filter.c) `and` and `or` are evaluated from left to right, as far as needed, and a load of an
octet that wasn't captured ends the whole filter with "no match", also inside `not (tcp[13] = 2)`. So every condition
is true for some packets and false for others; a packet without the octets is in neither set:

    true(a and b) = true(a) & true(b)                  false(a and b) = false(a) | true(a) & false(b)
    true(a or b) = true(a) | false(a) & true(b)        false(a or b) = false(a) & false(b)
    true(not a) = false(a)                             false(not a) = true(a)

SQL's null doesn't do this: its `null or true` is true. Where nothing can be missing, false is the complement of true;
and where whatever makes `b` true also decides `a` (`port 80 or port 443`), `or` needs no false(a). The rest is written
out where conditions are few and not nested in turns. Else each becomes a number: null where the next is evaluated (true
of `and`, false of `or`), DECIDED where it isn't, NEITHER; `and` and `or` are then COALESCE, which takes the first that
isn't null. So a condition is twice in the SQL, as what makes it true and what makes it false, at any depth; and a
number only once, for an engine might copy it (DuckDB copies the operand of `CASE x WHEN`: 8 levels took minutes).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, reduce
from operator import and_, or_
from types import MappingProxyType
from typing import Any, NamedTuple

import ibis

from ims.query.language.syntax_tree import And, Contains, Expression, Not, Or, Signature, walk

Captured = Mapping[int, int]
"""IP protocol -> octets of its header that must have been captured."""
ANY_PROTOCOL = -1
_NOTHING: Captured = MappingProxyType({})
DECIDED, NEITHER = 1, 2
FEW = 4
"""Terms that are written out: a condition is in the SQL once more each time they double."""


class Decided(NamedTuple):
    """A condition without `and`, `or` and `not`; or one of several signatures, any of which a packet may have."""

    true: Any
    false: Any
    """None: whatever isn't true"""
    asks: Captured = _NOTHING
    """what must have been captured to decide it; for other protocols nothing"""
    proves: Captured | None = None
    """if it is true, the packet's protocol is one of these, and so much of its header was captured"""


def holds(tree: Expression, decide: Callable[[Expression], Decided]) -> Any:
    """The condition that a tree is true, never null."""
    return _Decider(decide).true(tree)


def joined(terms: Sequence[Any], join: Callable[[Any, Any], Any]) -> Any:
    """Terms as a balanced tree: five hundred in a row would be too deep for SQL compilers."""
    terms = list(terms)
    while len(terms) > 1:
        terms = [reduce(join, terms[at : at + 2]) for at in range(0, len(terms), 2)]
    return terms[0]


class _Decider:
    def __init__(self, decide: Callable[[Expression], Decided]) -> None:
        self._leaf = cache(decide)
        self._asked: dict[Expression, Captured] = {}

    def true(self, tree: Expression) -> Any:
        if isinstance(tree, Not):
            return self.false(tree.inner)
        if isinstance(tree, And):
            return joined([self.true(term) for term in tree.terms], and_)
        if isinstance(tree, Or):
            if all(isinstance(term, Signature) for term in tree.terms):
                return self._leaf(tree).true
            if self._is_covered(tree.terms):
                return joined([self.true(term) for term in tree.terms], or_)
            return self._any(tree.terms, True) if self._is_short(tree) else self._is_decided(tree, False)
        return self._leaf(tree).true

    def false(self, tree: Expression) -> Any:
        if not self._asks(tree):
            return ~self.true(tree)
        if isinstance(tree, Not):
            return self.true(tree.inner)
        if isinstance(tree, Or):
            return joined([self.false(term) for term in tree.terms], and_)
        if isinstance(tree, And):
            if not any(self._asks(term) for term in tree.terms[:-1]):
                return joined([self.false(term) for term in tree.terms], or_)
            return self._any(tree.terms, False) if self._is_short(tree) else self._is_decided(tree, True)
        return self._leaf(tree).false

    def _value(self, tree: Expression, value: bool) -> Any:
        return self.true(tree) if value else self.false(tree)

    def _any(self, terms: Sequence[Expression], value: bool) -> Any:
        """Whether a term has the value, and those before it the other: true of `or`, false of `and`."""
        if len(terms) == 1:
            return self._value(terms[0], value)
        left, right = terms[: len(terms) // 2], terms[len(terms) // 2 :]
        later = self._any(right, value)
        if any(self._asks(term) for term in left):
            later = joined([*(self._value(term, not value) for term in left), later], and_)
        return self._any(left, value) | later

    def _is_decided(self, tree: Expression, goes_on: bool) -> Any:
        """Whether a condition has the value that isn't `goes_on`."""
        return ibis.coalesce(self._number(tree, goes_on), NEITHER) == DECIDED

    def _number(self, tree: Expression, goes_on: bool) -> Any:
        """Null where a condition has the value `goes_on`, DECIDED where the other, NEITHER."""
        if isinstance(tree, Not):
            return self._number(tree.inner, not goes_on)
        if isinstance(tree, And | Or) and self._asks(tree):
            of_its_own = isinstance(tree, And)
            first = ibis.coalesce(*(self._number(term, of_its_own) for term in tree.terms))
            return first if goes_on == of_its_own else _turned(first)
        null = ibis.null("int8")
        if not self._asks(tree):
            return ibis.cases((~self.true(tree) if goes_on else self.true(tree), DECIDED), else_=null)
        return ibis.cases((self._value(tree, goes_on), null), (self._value(tree, not goes_on), DECIDED), else_=NEITHER)

    def _asks(self, tree: Expression) -> Captured:
        if tree not in self._asked:
            if isinstance(tree, And | Or):
                self._asked[tree] = _most(self._asks(term) for term in tree.terms)
            else:
                self._asked[tree] = self._asks(tree.inner) if isinstance(tree, Not) else self._leaf(tree).asks
        return self._asked[tree]

    def _proves(self, tree: Expression) -> Captured | None:
        if isinstance(tree, Not):
            return None
        if not isinstance(tree, And | Or):
            return self._leaf(tree).proves
        found = [self._proves(term) for term in tree.terms]
        known = [each for each in found if each is not None]
        if isinstance(tree, And):
            if not known:
                return None
            common = set(known[0]).intersection(*known)
            return {protocol: max(each[protocol] for each in known) for protocol in common}
        if len(known) < len(found):
            return None
        protocols = set().union(*known)
        return {protocol: min(each[protocol] for each in known if protocol in each) for protocol in protocols}

    def _is_covered(self, terms: Sequence[Expression]) -> bool:
        """Whether each term, where it is true, proves that those before it are decided."""
        needed: Captured = {}
        for term in terms:
            if needed:
                proved = self._proves(term)
                if proved is None or ANY_PROTOCOL in needed:
                    return False
                if any(octets > proved.get(protocol, octets) for protocol, octets in needed.items()):
                    return False
            needed = _most([needed, self._asks(term)])
        return True

    def _is_short(self, tree: And | Or) -> bool:
        """Whether it may be written out: few terms, not nested in turns, and no searches, which must be there once."""
        if len(tree.terms) > FEW or any(isinstance(node, Contains) for node in walk(tree)):
            return False
        return not any(isinstance(_bare(term), And | Or) and self._asks(term) for term in tree.terms)


def _turned(number: Any) -> Any:
    """null as DECIDED, DECIDED as null, NEITHER as it is: 2 / (3 - 1), 2 / (1 - 1) and 2 / (2 - 1). A division by zero
    is infinite or null, and neither is an integer."""
    return (2 / (ibis.coalesce(number, 3).cast("float64") - 1)).try_cast("int8")


def _bare(tree: Expression) -> Expression:
    while isinstance(tree, Not):
        tree = tree.inner
    return tree


def _most(several: Any) -> Captured:
    found: dict[int, int] = {}
    for captured in several:
        for protocol, octets in captured.items():
            found[protocol] = max(octets, found.get(protocol, 0))
    return found
