"""A Sigma correlation to the count it asks for. Pure.

The condition is read by us: pySigma 1.5.1 refuses the specification's range `{gt, lte}` and cuts 10.5 to 10.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from sealtrail.detect.document import Document, refusal
from sealtrail.detect.rule import MAX_THRESHOLD, Correlation, Head, Operator, Rule, holds, span
from sealtrail.detect.taxonomy import translate
from sealtrail.detect.vendor import respond, suppress, tests

_OPERATORS: Final[tuple[Operator, ...]] = ("gt", "gte", "lt", "lte", "eq", "neq")
_KEYS: Final = frozenset({"type", "rules", "group-by", "timespan", "condition", "aliases", "generate"})


def correlation(document: Document, head: Head, rules: dict[str, Rule], names: dict[str, str]) -> Correlation:
    body = document.value["correlation"]
    if not isinstance(body, dict):
        raise refusal(document, "`correlation` must be a mapping", "correlation")
    for key in body:
        if key not in _KEYS:
            raise refusal(document, f"`{key}` is not known in a correlation", "correlation", key)
    kind = body.get("type")
    if kind not in ("event_count", "value_count"):
        raise refusal(
            document,
            f"correlations of type `{kind}` are not run",
            "correlation",
            "type",
            code="rule.unsupported",
            hint="event_count and value_count are.",
        )
    named = body.get("rules")
    ids: list[str] = []
    for name in named if isinstance(named, list) else [named]:
        found = names.get(str(name)) or (str(name).lower() if str(name).lower() in rules else "")
        if not found:
            raise refusal(
                document,
                f"there is no rule `{name}` to count, or it was refused",
                "correlation",
                "rules",
                hint="A rule is named by its `name` or `id`; correlations of correlations are not run.",
            )
        ids.append(found)
    keys, group_by = _group_by(document, body, ids, names)
    try:
        timespan = span(body.get("timespan"))
    except ValueError as error:
        raise refusal(document, str(error), "correlation", "timespan") from None
    bounds, values = _bounds(document, body.get("condition"), distinct=kind == "value_count")
    return Correlation(
        head=head,
        distinct=kind == "value_count",
        rules=tuple(dict.fromkeys(ids)),
        keys=keys,
        group_by=group_by,
        timespan=timespan,
        bounds=bounds,
        values=values,
        suppress=suppress(document, keys),
        respond=respond(document, keys),
        tests=tests(document),
    )


def _group_by(
    document: Document, body: dict[str, Any], ids: list[str], names: dict[str, str]
) -> tuple[tuple[str, ...], tuple[dict[str, str], ...]]:
    """(names of the parts of the key, the field of each base rule for each part)."""
    given = body.get("group-by")
    parts = [] if given is None else given if isinstance(given, list) else [given]
    aliases = body.get("aliases") or {}
    if not all(isinstance(part, str) and part for part in parts) or not isinstance(aliases, dict):
        raise refusal(document, "`group-by` is a list of fields", "correlation", "group-by")
    group_by: list[dict[str, str]] = []
    for part in parts:
        alias = aliases.get(part)
        if alias is None:
            group_by.append(dict.fromkeys(ids, translate(part)))
            continue
        mapped = {names.get(str(k), str(k)): translate(str(v)) for k, v in dict(alias).items()}
        if not set(ids) <= set(mapped):
            raise refusal(
                document, f"the alias `{part}` does not speak of every rule", "correlation", "aliases"
            )
        group_by.append({rule: mapped[rule] for rule in ids})
    keys = tuple(part if part in aliases else translate(part) for part in parts)
    return keys, tuple(group_by)


def _bounds(
    document: Document, given: Any, *, distinct: bool
) -> tuple[tuple[tuple[Operator, int | float], ...], tuple[str, ...]]:
    """The condition as comparisons that must all hold."""
    path = ("correlation", "condition")
    if not isinstance(given, dict):
        raise refusal(document, "a condition such as {gte: 10} is needed", *path)
    bounds: list[tuple[Operator, int | float]] = []
    for key, number in given.items():
        if key == "field":
            continue
        if key not in _OPERATORS:
            raise refusal(
                document, f"`{key}` is not known in a condition", *path, key, code="rule.unsupported"
            )
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise refusal(document, f"`{number}` is not a number", *path, key)
        if not 0 <= number <= MAX_THRESHOLD:
            raise refusal(document, f"`{number}` is not between 0 and {MAX_THRESHOLD:,}", *path, key)
        bounds.append((key, number))
    if not bounds:
        raise refusal(document, "the condition compares with nothing", *path)
    if not any(_holds(bounds, count) for count in range(1, int(max(n for _, n in bounds)) + 3)):
        raise refusal(document, "no count of at least one can meet the condition", *path)
    field = given.get("field")
    fields = field if isinstance(field, list) else [] if field is None else [field]
    if distinct and (not fields or not all(isinstance(name, str) and name for name in fields)):
        raise refusal(document, "value_count needs a `field`", *path)
    if fields and not distinct:
        raise refusal(document, "event_count counts events, not a `field`", *path, "field")
    return tuple(bounds), tuple(translate(name) for name in fields)


def _holds(bounds: Iterable[tuple[Operator, int | float]], count: int) -> bool:
    return all(holds(op, count, number) for op, number in bounds)
