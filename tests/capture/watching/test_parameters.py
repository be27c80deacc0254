import pytest

from sealtrail.capture.watching.openapi import Description
from sealtrail.capture.watching.parameters import undescribed


def test_the_names_that_a_query_may_have_are_those_that_are_described():
    api = Description(
        {
            "components": {
                "parameters": {"Page": {"in": "query", "name": "page", "schema": {"type": "integer"}}},
                "schemas": {"Filter": {"properties": {"a": {}}}, "Word": {"type": "string"}},
                "securitySchemes": {"key": {"type": "apiKey", "in": "query", "name": "api_key"}},
            },
            "paths": {
                "/a": {
                    "parameters": [{"$ref": "#/components/parameters/Page"}, {"in": "header", "name": "x"}],
                    "get": {
                        "parameters": [
                            {"in": "query", "name": "ids[]"},
                            {
                                "in": "query",
                                "name": "q",
                                "schema": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                            },
                            {"in": "query", "name": "w", "schema": {"$ref": "#/components/schemas/Word"}},
                            {"in": "query", "name": "f", "style": "deepObject", "schema": {"type": "object"}},
                        ]
                    },
                },
                "/object": _with({"schema": {"$ref": "#/components/schemas/Filter"}}),
                "/either": _with({"schema": {"oneOf": [{"type": "string"}, {"type": ["object", "null"]}]}}),
                "/flat": _with({"schema": {"type": "object"}, "explode": False}),
                "/elsewhere": _with({"$ref": "other.json#/x"}),
                "/unknown": _with({"schema": {"$ref": "other.json#/x"}}),
                "/whole": {"get": {"parameters": [{"in": "querystring", "name": "p"}]}},
                "/broken": {"get": {"parameters": [3]}},
            },
        }
    )
    assert api.find("GET", "/a").parameters == {"page", "ids", "q", "w", "f", "api_key"}
    assert api.find("GET", "/flat").parameters == {"p", "api_key"}
    for path in ("/object", "/either", "/elsewhere", "/unknown", "/whole", "/broken"):
        assert api.find("GET", path).parameters is None, path


def _with(more):
    return {"get": {"parameters": [more if "$ref" in more else {"in": "query", "name": "p", **more}]}}


@pytest.mark.parametrize(
    ("query", "undescribed_"),
    [
        ("page=1&ids[]=2&ids%5B%5D=3", False),
        ("page", False),
        ("&&page=1&", False),
        ("Page=1", True),
        ("page=1&debug=true", True),
        ("p%61ge=1", False),
        ("=1", False),
        ("&" * 10_000 + "debug=1", True),
    ],
)
def test_a_name_that_is_not_described_is_told(query, undescribed_):
    assert undescribed(query, frozenset({"page", "ids"})) is undescribed_
