"""Which rules are worth asking about an event. Pure.

For each shape of event (its keys, and its values of a few fields that have few values) every condition is
judged once, as far as that much knowledge decides it. Of each event only the rest is asked.

Whether the request's target is plain (letters, digits and the signs of paths) is part of the shape. Most are,
and most literals of rules about attacks hold a quotation mark, a bracket or a space, so they cannot be there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sealtrail.detect.decode import PLAIN
from sealtrail.detect.match import Test, View, compile_node
from sealtrail.detect.rule import OUTBOUND, Rule
from sealtrail.detect.taxonomy import DECODED, lookup, sources
from sealtrail.detect.tree import And, Leaf, Node, Not, Null, Or, Ref, Text, leaves
from sealtrail.event import Fields

# Names whose values are few and not chosen by whoever sends a request.
FEW: Final = (
    "event.action",
    "event.outcome",
    "http.request.method",
    "http.response.status_code",
    "sealtrail.object.type",
)
# A plain target is its own decoded form.
TARGETS: Final = ("url.original", DECODED)
MAX_SHAPES: Final = 4096  # producers can invent shapes; then the table starts over

Asked = tuple[int, Test]
"""The place of a rule, and what is left to ask of it."""


class Index:
    """Rules by shape of event. `pick` gives those that may match, each with the part that is still open."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._shapes: dict[tuple[object, ...], tuple[Asked, ...]] = {}
        self._compiled: dict[Node, Test] = {}
        every = [leaf for rule in rules for leaf in leaves(rule.condition)]
        self._tests: dict[Leaf, Test] = {leaf: compile_node(leaf) for leaf in every if leaf.field in FEW}
        self._odd = frozenset(leaf for leaf in every if isinstance(leaf, Text) and _is_odd(leaf))

    def pick(self, fields: Fields, *, kind: str) -> tuple[Asked, ...]:
        get = fields.get
        plain = _is_plain(fields)
        shape = (tuple(fields), kind, plain, *[get(name) for name in FEW])
        try:
            found = self._shapes.get(shape)
        except TypeError:  # a list where a text belongs
            return self._pick(fields, kind=kind, plain=plain)
        if found is None:
            if len(self._shapes) >= MAX_SHAPES:
                self._shapes.clear()
                self._compiled.clear()
            found = self._shapes[shape] = self._pick(fields, kind=kind, plain=plain)
        return found

    def _pick(self, fields: Fields, *, kind: str, plain: bool) -> tuple[Asked, ...]:
        view = View(fields)
        asked: list[Asked] = []
        for place, rule in enumerate(self._rules):
            # A call to somewhere else has a path and a status as well, which say nothing of this application.
            if rule.outbound == (kind == OUTBOUND) and (kind == "request" or not rule.requests_only):
                left = self._left(rule.condition, view, plain=plain)
                if left is True:
                    asked.append((place, _always))
                elif left is not False:
                    asked.append((place, self._compile(left)))
        return tuple(asked)

    def _compile(self, node: Node) -> Test:
        test = self._compiled.get(node)
        if test is None:
            test = self._compiled[node] = compile_node(node)
        return test

    def _left(self, node: Node, view: View, *, plain: bool) -> Node | bool:
        """True, false, or the part of a condition that depends on values that are not of the shape."""
        match node:
            case And() | Or():
                decisive = isinstance(node, Or)
                open_: list[Node] = []
                for arg in node.args:
                    left = self._left(arg, view, plain=plain)
                    if left is decisive:
                        return decisive
                    if not isinstance(left, bool):
                        open_.append(left)
                if not open_:
                    return not decisive
                if len(open_) == 1:
                    return open_[0]
                return Or(tuple(open_)) if decisive else And(tuple(open_))
            case Not():
                left = self._left(node.arg, view, plain=plain)
                return not left if isinstance(left, bool) else Not(left)
        names = (node.field, node.other) if isinstance(node, Ref) else (node.field,)
        if any(not any(key in view.fields for key in sources(name)) for name in names):
            return isinstance(node, Null)
        if plain and node in self._odd:
            return False
        if (
            node.field in FEW
            and not isinstance(node, Ref)
            and "http.request.method_original" not in view.fields
        ):
            return self._tests[node](view)
        return node


def _always(_: View) -> bool:
    return True


def _is_plain(fields: Fields) -> bool:
    target = lookup(fields, TARGETS[0])
    return type(target) is str and PLAIN.fullmatch(target) is not None


def _is_odd(leaf: Text) -> bool:
    """Whether no plain target can match: each text holds a character that a plain one has not."""
    return leaf.field in TARGETS and not any(PLAIN.fullmatch(value) for value in leaf.values)
