"""Which packets a tree of conditions takes where some lack the octets that are asked, as BPF decides it.

In BPF (libpcap's bpf_filter.c) `and` and `or` are worked out from left to right, as far as needed, and a load of an
octet that wasn't captured ends the whole filter with "no match", whatever stands around it: `not (tcp[13] = 2)` is no
match either. So every condition has two sets of packets, those for which it is true and those for which it is false;
a packet without the octets is in neither:

    true(a and b) = true(a) & true(b)                  false(a and b) = false(a) | true(a) & false(b)
    true(a or b) = true(a) | false(a) & true(b)        false(a or b) = false(a) & false(b)
    true(not a) = false(a)                             false(not a) = true(a)

SQL's null is no help: its `null or true` is true. Where nothing can be missing false is the complement of true, as
before, and where whatever makes `b` true also makes `a` decided (`port 80 or port 443`), `or` needs no false(a). What
remains is spelt out where conditions are few and not nested in turns. Else each is numbered: null where it lets the
next be looked at (true of `and`, false of `or`), DECIDED where it doesn't, NEITHER; `and` and `or` are COALESCE then,
which takes the first that isn't null. So a condition is twice in the text, as what makes it true and what makes it
false, however many there are and however deep; and no number is, for an engine might copy it (DuckDB copies the operand
of `CASE x WHEN`, so that 8 levels took minutes).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from operator import and_, or_
from types import MappingProxyType
from typing import Any, NamedTuple

import ibis

from ims.query.language.syntax_tree import And, Contains, Expression, Not, Or, walk

Captured = Mapping[int, int]
"""IP protocol -> octets of its header that must have been captured."""
ANY_PROTOCOL = -1
_NOTHING: Captured = MappingProxyType({})
DECIDED, NEITHER = 1, 2
FEW = 4
"""Terms that are spelt out: a condition is in the text once more each time they double."""


class Decided(NamedTuple):
    """A condition without `and`, `or` and `not`."""

    true: Any
    false: Any
    """None: whatever isn't true"""
    asks: Captured = _NOTHING
    """what must have been captured for it to be decided; of other protocols it always is"""
    proves: Captured | None = None
    """of a packet for which it is true: its protocol is one of these, and so much of its header was captured"""


def holds(tree: Expression, decide: Callable[[Expression], Decided]) -> Any:
    """The condition that a tree is true: true or false of each row, never null."""
    return _Decider(decide).true(tree)


def joined(terms: Sequence[Any], join: Callable[[Any, Any], Any]) -> Any:
    """Terms as a balanced tree: five hundred in a row would be too deep for the compilers below us."""
    terms = list(terms)
    while len(terms) > 1:
        terms = [reduce(join, terms[at : at + 2]) for at in range(0, len(terms), 2)]
    return terms[0]


class _Decider:
    def __init__(self, decide: Callable[[Expression], Decided]) -> None:
        self._decide = decide
        self._decided: dict[Expression, Decided] = {}
        self._asked: dict[Expression, Captured] = {}

    def true(self, tree: Expression) -> Any:
        if isinstance(tree, Not):
            return self.false(tree.inner)
        if isinstance(tree, And):
            return joined([self.true(term) for term in tree.terms], and_)
        if isinstance(tree, Or):
            if self._is_covered(tree.terms):
                return joined([self.true(term) for term in tree.terms], or_)
            return self._either(tree.terms) if self._is_short(tree) else self._is_decided(tree, False)
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
            return self._not_both(tree.terms) if self._is_short(tree) else self._is_decided(tree, True)
        return self._leaf(tree).false

    def _either(self, terms: Sequence[Expression]) -> Any:
        """true of `or`."""
        if len(terms) == 1:
            return self.true(terms[0])
        left, right = terms[: len(terms) // 2], terms[len(terms) // 2 :]
        later = self._either(right)
        if any(self._asks(term) for term in left):
            later = joined([*(self.false(term) for term in left), later], and_)
        return self._either(left) | later

    def _not_both(self, terms: Sequence[Expression]) -> Any:
        """false of `and`."""
        if len(terms) == 1:
            return self.false(terms[0])
        left, right = terms[: len(terms) // 2], terms[len(terms) // 2 :]
        later = self._not_both(right)
        if any(self._asks(term) for term in left):
            later = joined([*(self.true(term) for term in left), later], and_)
        return self._not_both(left) | later

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
        true = self.true(tree)
        if not self._asks(tree):
            return ibis.cases((~true if goes_on else true, DECIDED), else_=ibis.null("int8"))
        false = self.false(tree)
        on, decided = (true, false) if goes_on else (false, true)
        return ibis.cases((on, ibis.null("int8")), (decided, DECIDED), else_=NEITHER)

    def _leaf(self, tree: Expression) -> Decided:
        if tree not in self._decided:
            self._decided[tree] = self._decide(tree)
        return self._decided[tree]

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
        asked: Captured = {}
        for term in terms:
            if asked:
                proved = self._proves(term)
                if proved is None or ANY_PROTOCOL in asked:
                    return False
                if any(octets > proved.get(protocol, octets) for protocol, octets in asked.items()):
                    return False
            asked = _most([asked, self._asks(term)])
        return True

    def _is_short(self, tree: And | Or) -> bool:
        """Whether it may be spelt out: neither many terms, nor nested in turns, nor searches, which are to be once."""
        if len(tree.terms) > FEW or any(isinstance(node, Contains) for node in walk(tree)):
            return False
        return not any(isinstance(_bare(term), And | Or) and self._asks(term) for term in tree.terms)


def _turned(number: Any) -> Any:
    """null as DECIDED, DECIDED as null, NEITHER as it is: 2 / (3 - 1), 2 / (1 - 1) and 2 / (2 - 1). A division by zero
    is infinite or null, and neither is an integer."""
    from_one = ibis.coalesce(number, 3).cast("float64") - 1
    return (2 / from_one).try_cast("int8")


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
