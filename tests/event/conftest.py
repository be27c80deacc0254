"""One event of each kind, as fields: the smallest that is worth recording."""

from __future__ import annotations

from typing import Any

import pytest

_COMMON = {
    "@timestamp": "2026-11-24T08:00:00.123456Z",
    "event.id": "019ab1f2-0000-7000-8000-000000000001",
    "sealtrail.emitter": "shop-1f",
    "sealtrail.seq": 7,
}

_BY_KIND: dict[str, dict[str, Any]] = {
    "request": {
        "event.action": "http.request",
        "event.category": ["web", "api"],
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "url.path": "/invoices/17",
    },
    "outbound": {
        "event.action": "http.client",
        "event.category": ["network"],
        "http.request.method": "GET",
        "destination.domain": "pay.example",
        "destination.port": 443,
    },
    "authentication": {
        "event.action": "authn_login_fail",
        "event.category": ["authentication"],
        "event.outcome": "failure",
        "event.reason": "bad_password",
    },
    "audit": {
        "event.action": "user.role.update",
        "event.category": ["iam"],
        "sealtrail.change": [{"path": "role", "old": "viewer", "new": "admin"}],
        "sealtrail.target.id": "42",
    },
    "alert": {"event.action": "sealtrail.alert", "event.kind": "alert", "rule.id": "brute-force"},
    "system": {
        "event.action": "sealtrail.head",
        "sealtrail.head.trail": "access",
        "sealtrail.head.size": 12,
        "sealtrail.head.root": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    },
}


@pytest.fixture
def events() -> dict[str, dict[str, Any]]:
    """Kind -> fields, fresh for each test."""
    return {kind: {**_COMMON, "sealtrail.kind": kind, **own} for kind, own in _BY_KIND.items()}
