from __future__ import annotations

import pytest

from sealtrail.detect.taxonomy import (
    ALIASES,
    DERIVED,
    KEYWORDS,
    is_known,
    lookup,
    sources,
    translate,
    unknown_fields,
)


def test_every_alias_leads_to_a_field_we_have() -> None:
    assert unknown_fields(ALIASES.values()) == []


@pytest.mark.parametrize(
    ("fields", "name", "expected"),
    [
        ({"url.original": "/a?b"}, "url.original", "/a?b"),
        ({"url.path": "/a", "url.query": "b"}, "url.original", "/a?b"),
        ({"url.path": "/a"}, "url.original", "/a"),
        ({"url.original": "/a?b"}, "url.path", "/a"),
        ({"url.path": "/x.d/a.tar.GZ"}, "url.extension", "GZ"),
        ({"url.path": "/x.d/a"}, "url.extension", None),
        ({"http.request.method": "GET"}, "http.request.method", "GET"),
        (
            {"http.request.method": "_OTHER", "http.request.method_original": "FOO"},
            "http.request.method",
            "FOO",
        ),
        ({"url.original": "/a", "http.response.status_code": 200}, KEYWORDS, "/a\n200"),
    ],
)
def test_a_derived_field_is_made_of_what_is_there(
    fields: dict[str, object], name: str, expected: str | None
) -> None:
    assert lookup(fields, name) == expected


def test_derived_fields_are_missing_when_their_sources_are() -> None:
    for name in DERIVED:
        assert lookup({"event.action": "x"}, name) is None
        assert sources(name)


def test_a_name_nobody_translates_stays_itself() -> None:
    assert translate("my.own.field") == "my.own.field"
    assert not is_known("my.own.field")
    assert sources("my.own.field") == ("my.own.field",)
