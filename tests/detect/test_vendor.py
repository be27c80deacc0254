from __future__ import annotations

from collections.abc import Callable

import pytest

from sealtrail.detect.rule import DEFAULT_SUPPRESS, SECOND, Respond, Ruleset, Suppress

ALONE = """
title: alone
logsource: {product: p}
detection: {s: {f: 1}, condition: s}
"""
COUNTED = """
title: base
name: base
logsource: {product: p}
detection: {s: {f: 1}, condition: s}
---
title: counted
correlation: {type: event_count, rules: base, group-by: [client.ip], timespan: 1m, condition: {gte: 2}}
"""


def test_one_alert_speaks_for_a_client_and_user_for_a_minute_unless_told_otherwise(
    good: Callable[[str], Ruleset],
) -> None:
    assert good(ALONE).rules[0].suppress == Suppress(DEFAULT_SUPPRESS, ("client.ip", "user.id"))
    assert good(ALONE + "x-suppress: none\n").rules[0].suppress.span == 0
    assert good(ALONE + "x-suppress: 15m\n").rules[0].suppress.span == 900 * SECOND
    by = good(ALONE + "x-suppress: {for: 1h, by: [c-ip]}\n").rules[0].suppress
    assert by == Suppress(3600 * SECOND, ("client.ip",))
    assert good(COUNTED + "x-suppress: 15m\n").correlations[0].suppress == Suppress(
        900 * SECOND, ("client.ip",)
    )


def test_a_rule_says_what_to_block_and_for_how_long(good: Callable[[str], Ruleset]) -> None:
    assert good(COUNTED + "x-respond: {block: c-ip, for: 15m}\n").correlations[0].respond == Respond(
        "client.ip", 900
    )
    assert good(ALONE + "x-respond: {block: client.ip}\n").rules[0].respond == Respond("client.ip", 0)
    assert good(ALONE).rules[0].respond is None


@pytest.mark.parametrize(
    "lines",
    [
        ALONE + "x-suppress: soon\n",
        ALONE + "x-suppress: {for: 1h}\n",
        ALONE + "x-suppress: {for: 1h, by: [a], also: 1}\n",
        ALONE + "x-suppress: {for: never, by: [a]}\n",
        COUNTED + "x-suppress: {for: 1h, by: [a]}\n",
        ALONE + "x-respond: block\n",
        ALONE + "x-respond: {block: client.ip, until: 5m}\n",
        ALONE + "x-respond: {block: client.ip, for: ever}\n",
        ALONE + "x-respond: {block: [a]}\n",
        COUNTED + "x-respond: {block: user.id}\n",
        ALONE + "x-tests: {a: 1}\n",
    ],
)
def test_a_vendor_key_that_cannot_be_understood_is_refused(why: Callable[[str], str], lines: str) -> None:
    last = lines.count("\n")
    assert why(lines).startswith(f"rules.yml:{last}: ")
