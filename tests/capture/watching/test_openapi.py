import json
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealtrail.capture.watching.openapi import Description, Operation, read
from sealtrail.errors import UsageError

OPEN = Operation(is_deprecated=False, roles=(), scopes=())


def described(*paths: str, **more) -> Description:
    return Description({"info": {"version": "1.2"}, "paths": {path: {"get": {}} for path in paths}, **more})


def test_an_operation_is_found_by_method_and_path():
    api = Description(
        {
            "info": {"version": "2.0"},
            "paths": {
                "/users": {"get": {}, "post": {"deprecated": True}},
                "/users/me": {"get": {"deprecated": True}},
                "/users/{id}": {"get": {}},
                "/users/{id}/avatar.{format}": {"get": {"deprecated": True}},
                "/reports/{year}-{month}": {"get": {}},
            },
        }
    )
    assert api.version == "2.0"
    assert api.find("POST", "/users").is_deprecated
    assert api.find("GET", "/users/me").is_deprecated  # what is written out wins
    assert api.find("GET", "/users/17") == OPEN
    assert api.find("GET", "/users/17/avatar.png").is_deprecated
    assert api.find("GET", "/reports/2026-11") == OPEN
    for method, path in (
        *(("DELETE", "/users"), ("GET", "/users/"), ("GET", "/users/17/avatar"), ("GET", "/reports/2026")),
        *(("GET", "/"), ("GET", ""), ("GET", "/users//avatar.png"), ("_OTHER", "/users"), ("GET", "/" * 500)),
    ):
        assert api.find(method, path) is None


def test_head_and_options_are_described_with_what_they_are_of():
    assert described("/a").find("HEAD", "/a") == described("/a").find("OPTIONS", "/a") == OPEN


@pytest.mark.parametrize(
    ("servers", "path"),
    [
        ([{"url": "https://api.example.com/v1"}], "/v1/orders"),
        ([{"url": "/v1/"}], "/v1/orders"),
        ([{"url": "https://{host}/{base}", "variables": {"base": {"default": "v2"}}}], "/v2/orders"),
        ([{"url": "/v1"}], "/orders"),  # a proxy took it off
        ([{"url": "http://[bad"}, None, 3], "/orders"),
    ],
)
def test_what_stands_before_the_paths_may_be_there_or_not(servers, path):
    assert described("/orders", servers=servers).find("GET", path) == OPEN


def test_a_base_is_whole_parts_of_a_path():
    api = described("/orders", servers=[{"url": "/v1"}], basePath="/old")
    assert api.find("GET", "/v1x/orders") is None
    assert api.find("GET", "/old/orders") == OPEN
    assert api.find("GET", "/mounted/orders") is None
    assert api.find("GET", "/mounted/orders", root="/mounted") == OPEN


@pytest.mark.parametrize("name", ["<path:name>", "{name:path}", "{name}", ":name"])
def test_a_route_is_found_by_its_template_however_its_framework_writes_it(name):
    assert described("/files/{file}").find("GET", "/files/a/b/c", f"/files/{name}") == OPEN


def test_what_every_way_in_demands_is_demanded():
    schemes = {"oauth": {"type": "oauth2"}, "key": {"type": "apiKey"}, "mtls": {"type": "mutualTLS"}}
    operations = {
        "get": {"security": [{"oauth": ["read", "list"], "key": []}]},
        "post": {"security": [{"oauth": ["write", "read"]}, {"oauth": ["admin", "write"]}]},
        "put": {"security": [{"oauth": ["write"]}, {}]},
        "patch": {"security": [{"mtls": ["clerk", "clerk"]}]},
        "delete": {},
        "head": {"security": []},
    }
    api = Description(
        {
            "paths": {"/a": operations},
            "components": {"securitySchemes": schemes},
            "security": [{"oauth": ["everything"]}],
        }
    )
    found = {name: api.find(name.upper(), "/a") for name in operations}
    demanded = {name: (operation.roles, operation.scopes) for name, operation in found.items()}
    assert demanded == {
        "get": ((), ("read", "list")),
        "post": ((), ("write",)),
        "put": ((), ()),
        "patch": (("clerk",), ()),
        "delete": ((), ("everything",)),
        "head": ((), ()),
    }


def test_swagger_2_and_references_to_path_items_are_read():
    references = {"/a": "#/x-items/a~1b", "/b": "#/nowhere", "/c": "other.json"}
    api = Description(
        {
            "swagger": "2.0",
            "basePath": "/v1",
            "securityDefinitions": {"o": {"type": "oauth2"}},
            "x-items": {"a/b": {"get": {"security": [{"o": ["r"]}]}}},
            "paths": {name: {"$ref": reference} for name, reference in references.items()},
        }
    )
    assert api.find("GET", "/v1/a").scopes == ("r",)
    assert api.find("GET", "/v1/b") is None
    assert api.version == ""


def test_a_description_is_read_from_a_file(tmp_path):
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps({"info": {"version": 3}, "paths": {"/a": {"get": {}}}}))
    assert read(path).version == read(str(path)).version == "3"


@pytest.mark.parametrize(
    "content", [b"openapi: 3.1.0\npaths: {}", b"\xff\xfe\x00", b"[]", b"{}", b'{"paths": []}', None]
)
def test_what_is_no_description_is_refused_with_what_to_do(tmp_path, content):
    path = tmp_path / "openapi.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match="openapi"):
        read(path)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


PATHS = st.sampled_from(["/a", "/{x}", "a{", "{}{}", "/{a}-{b}/"]) | st.text(max_size=4)
MORE = dict.fromkeys(("info", "servers", "components", "security", "basePath"), JUNK)


def test_a_description_may_be_yaml(tmp_path, monkeypatch):
    path = tmp_path / "api.YAML"
    path.write_text("""
openapi: 3.1.0
info: {version: 2026-11-24}
paths:
  /users/{id}:
    get:
      deprecated: true
      responses: {200: {description: found}}
""")
    api = read(path)
    assert api.version == "2026-11-24"
    assert api.find("GET", "/users/17").is_deprecated
    path.write_text("paths: [")
    with pytest.raises(UsageError, match="cannot be read"):
        read(path)
    path.write_text("- paths")
    with pytest.raises(UsageError, match="no description"):
        read(path)
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(UsageError, match="PyYAML") as caught:
        read(path)
    assert "JSON" in caught.value.hint


@settings(deadline=None, max_examples=80)
@given(
    st.dictionaries(PATHS, JUNK, max_size=4),
    st.fixed_dictionaries({}, optional=MORE),
    JUNK,
    st.text(max_size=12),
)
def test_no_document_with_paths_and_no_request_makes_it_raise(paths, more, operation, path):
    paths = {**paths, "/op": {"get": {"security": operation, "deprecated": operation}, "post": operation}}
    api = Description({"paths": paths, **more})
    for method in ("GET", "POST", path):
        api.find(method, path, path, path)
    assert api.find("GET", "/op") is not None


def test_a_path_made_to_be_slow_is_not():
    api = described("/{a}-{b}-{c}-{d}.x", *[f"/{{a}}{'/{b}' * n}/end" for n in range(40)])
    assert api.find("GET", "/" + "-" * 4000) is None  # by a pattern it would take hours
    assert api.find("GET", "/x" * 60) is None
    assert api.find("GET", "/a-b-c-d.x") == OPEN
