"""Which rules are worth asking about an event. Pure.

For each shape of event (its keys, and its values of a few fields that have few values) every condition is
judged once, as far as that much knowledge decides it. Rules that are false already are not asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from sealtrail.detect.match import View, compile_node
from sealtrail.detect.rule import Rule
from sealtrail.detect.taxonomy import sources
from sealtrail.detect.tree import And, Leaf, Node, Not, Null, Or, Ref, leaves
from sealtrail.event import Fields

T = TypeVar("T")

# Names whose values are few and not chosen by whoever sends a request.
FEW: Final = (
    "event.action",
    "event.outcome",
    "http.request.method",
    "http.response.status_code",
    "sealtrail.object.type",
)
MAX_SHAPES: Final = 4096  # producers can invent shapes; then the table starts over


class Index:
    """Rules by shape of event. `pick` gives the places of those that may match."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._shapes: dict[tuple[object, ...], tuple[int, ...]] = {}
        self._tests: dict[Leaf, Callable[[View], bool]] = {
            leaf: compile_node(leaf) for rule in rules for leaf in leaves(rule.condition) if leaf.field in FEW
        }

    def pick(self, fields: Fields, *, is_request: bool) -> tuple[int, ...]:
        get = fields.get
        shape = (tuple(fields), is_request, *[get(name) for name in FEW])
        try:
            found = self._shapes.get(shape)
        except TypeError:  # a list where a text belongs
            return self._pick(fields, is_request=is_request)
        if found is None:
            if len(self._shapes) >= MAX_SHAPES:
                self._shapes.clear()
            found = self._shapes[shape] = self._pick(fields, is_request=is_request)
        return found

    def _pick(self, fields: Fields, *, is_request: bool) -> tuple[int, ...]:
        view = View(fields)
        return tuple(
            place
            for place, rule in enumerate(self._rules)
            if (is_request or not rule.requests_only) and self._judge(rule.condition, view) is not False
        )

    def _judge(self, node: Node, view: View) -> bool | None:
        """True, false, or None where it depends on values that are not part of the shape."""
        match node:
            case And():
                return _first(False, [self._judge(arg, view) for arg in node.args])
            case Or():
                return _first(True, [self._judge(arg, view) for arg in node.args])
            case Not():
                inner = self._judge(node.arg, view)
                return None if inner is None else not inner
        names = (node.field, node.other) if isinstance(node, Ref) else (node.field,)
        if any(not any(key in view.fields for key in sources(name)) for name in names):
            return isinstance(node, Null)
        if (
            node.field in FEW
            and not isinstance(node, Ref)
            and "http.request.method_original" not in view.fields
        ):
            return self._tests[node](view)
        return None


def _first(decisive: bool, known: list[bool | None]) -> bool | None:
    if decisive in known:
        return decisive
    return None if None in known else not decisive
