"""A Sigma rule file's text to compiled rules. Pure: the text comes from the caller.

    compile_texts([(file, text), ...]) -> Ruleset(rules, correlations, refused)

Every good rule is in, every refusal is listed with file and line. Our own keys, which other tools ignore:
`x-suppress` (how long one alert speaks for its key), `x-respond` (what to block) and `x-tests` (samples).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

import msgspec

from sealtrail.detect import condition
from sealtrail.detect.correlation import correlation
from sealtrail.detect.document import Document, documents, refusal
from sealtrail.detect.rule import LEVELS, OUTBOUND, Correlation, Head, Rule, Ruleset
from sealtrail.detect.selection import selection
from sealtrail.detect.tree import either
from sealtrail.detect.vendor import respond, suppress, tests
from sealtrail.errors import RuleError

_VENDOR: Final = frozenset({"x-suppress", "x-respond", "x-tests"})


def compile_texts(texts: Iterable[tuple[str, str]]) -> Ruleset:
    """Rules from (file, text) pairs. References by name or id reach across all of them."""
    refused: list[RuleError] = []
    rules: dict[str, Rule] = {}
    names: dict[str, str] = {}
    later: list[tuple[Document, Head]] = []
    inner: set[str] = set()
    seen: dict[str, Head] = {}
    for file, text in texts:
        for document in documents(text, file):
            if isinstance(document, RuleError):
                refused.append(document)
                continue
            try:
                # Before anything can be refused: parts of a refused correlation must not fire alone.
                inner |= _parts(document)
                head = _head(document)
                if head.id in seen:
                    first = seen[head.id]
                    raise refusal(document, f"the id {head.id} is used in {first.file}:{first.line}", "id")
                if "correlation" in document.value:
                    later.append((document, head))
                else:
                    rules[head.id] = _rule(document, head)
                    names.setdefault(head.name or head.id, head.id)
                seen[head.id] = head
            except RuleError as error:
                refused.append(error)
    correlations: list[Correlation] = []
    for document, head in later:
        try:
            correlations.append(correlation(document, head, rules, names))
        except RuleError as error:
            refused.append(error)
    finished = tuple(
        msgspec.structs.replace(rule, output=False)
        if rule.head.id in inner or (rule.head.name and rule.head.name in inner)
        else rule
        for rule in rules.values()
    )
    return Ruleset(finished, tuple(correlations), tuple(refused))


def _parts(document: Document) -> set[str]:
    body = document.value.get("correlation")
    if not isinstance(body, dict) or body.get("generate") is True:
        return set()
    named = body.get("rules")
    given = [str(name) for name in (named if isinstance(named, list) else [named]) if name is not None]
    return {*given, *(name.lower() for name in given)}  # ids are written in lower case from here on


def _head(document: Document) -> Head:
    """The keys every rule has, checked by pySigma. Raises RuleError."""
    from sigma.rule.base import SigmaRuleBase

    value = document.value
    if "action" in value:
        raise refusal(
            document, "`action` documents are the old collection format", "action", code="rule.unsupported"
        )
    if "filter" in value:
        raise refusal(document, "Sigma filters are not run", "filter", code="rule.unsupported")
    for key in value:
        if key.startswith("x-") and key not in _VENDOR:
            raise refusal(
                document,
                f"`{key}` is not run by this version",
                key,
                code="rule.unsupported",
                hint="Without it the rule would mean something else. Remove the key to run the rest.",
            )
    try:
        found, errors = SigmaRuleBase.from_dict_common_params(value, collect_errors=True)
    except (ValueError, TypeError, AttributeError) as error:
        raise refusal(document, f"the rule's head cannot be read: {error}") from None
    if errors:
        about = type(errors[0]).__name__.removeprefix("Sigma").removesuffix("Error").lower()
        raise refusal(
            document, str(errors[0]), {"identifier": "id", "tag": "tags", "value": "tags"}.get(about, about)
        )
    if "correlation" not in value and "logsource" not in value:
        raise refusal(document, "a rule needs a `logsource`")
    title = str(found["title"])
    name = str(found["name"] or "")
    level = found["level"]
    return Head(
        id=str(found["id"])
        if found["id"]
        else name or f"title-{hashlib.sha256(title.encode()).hexdigest()[:32]}",
        title=title,
        name=name,
        level=LEVELS[level.name.lower()] if level is not None else "medium",
        description=str(found["description"] or "").strip(),
        tags=tuple(str(tag) for tag in value.get("tags") or ()),
        file=document.file,
        line=document.line(),
    )


def _rule(document: Document, head: Head) -> Rule:
    value = document.value
    source, detection = value["logsource"], value.get("detection")
    if not isinstance(source, dict) or not source:
        raise refusal(document, "`logsource` must name a category, product or service", "logsource")
    if not isinstance(detection, dict):
        raise refusal(document, "a rule needs a `detection` with selections and a condition", "detection")
    if "timeframe" in detection:
        raise refusal(
            document,
            "`timeframe` belongs to the old way to count",
            "detection",
            "timeframe",
            code="rule.unsupported",
            hint="Write a correlation of type event_count.",
        )
    odd = next((name for name in detection if not isinstance(name, str)), None)
    if odd is not None:  # YAML reads `no:` as false and `1:` as a number
        raise refusal(document, f"a selection is called `{odd}`, which is no text: quote it", "detection")
    names = [name for name in detection if name != "condition"]
    # All of them, also those the condition leaves out: a mistake in one is the author's to know.
    trees = {name: selection(document, name) for name in names}
    lines = detection.get("condition")
    getters = {name: (lambda tree=tree: tree) for name, tree in trees.items()}
    try:
        conditions = [
            condition.parse(line, getters) for line in (lines if isinstance(lines, list) else [lines])
        ]
    except condition.ConditionError as error:
        raise refusal(document, str(error), "detection", "condition") from None
    if not conditions:
        raise refusal(document, "the condition is missing", "detection", "condition")
    return Rule(
        head=head,
        condition=either(conditions),
        requests_only=source.get("category") in ("webserver", "proxy"),
        outbound=source.get("service") == OUTBOUND,
        suppress=suppress(document, None),
        respond=respond(document, None),
        tests=tests(document),
    )
