from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sealtrail.console.audit import KINDS, question
from sealtrail.store.query import parse, predicate


def test_an_act_is_told_in_words(console: Any, person: Callable[..., Any]):
    console.send(
        {
            "@timestamp": "2026-11-24T08:00:00Z",
            "event.action": "user.role.update",
            "sealtrail.kind": "audit",
            "user.id": "root",
            "sealtrail.target.type": "user",
            "sealtrail.target.id": "42",
            "sealtrail.change": [{"path": "role", "old": "viewer", "new": "<admin>"}],
        }
    )
    console.served.collector.settle()
    page = person("auditor").get("/audit", kind="acts").text
    assert "user 42: role &#34;viewer&#34; -&gt; &#34;&lt;admin&gt;&#34;" in page


@pytest.mark.parametrize("kind", ["", *KINDS])
def test_every_kind_can_be_looked_at_and_a_head_is_in_none(person: Callable[..., Any], kind: str):
    assert person("viewer").get("/audit", kind=kind).status_code == 200
    head = {
        "event.action": "sealtrail.head",
        "sealtrail.kind": "system",
        "sealtrail.trail": "audit",
        "sealtrail.source": "collector",
    }
    assert not predicate(parse(question(kind), 0))(head)


def test_a_sign_in_to_the_console_stands_among_the_sign_ins(person: Callable[..., Any]):
    page = person().get("/audit", kind="sign-ins").text
    assert "authn_login_success" in page
