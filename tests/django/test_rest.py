"""Answers of Django REST framework, as it makes them; make test-signins runs the framework itself."""

from __future__ import annotations

from types import SimpleNamespace as Thing

import pytest

from sealtrail.django.rest import refusal_of, tell


class Code(str):
    __slots__ = ("code",)


class Basic:
    def authenticate_header(self, request):
        return 'Basic realm="api"'


class Keyed(Basic):
    def authenticate_header(self, request):
        return None


def answer(code="", authenticators=(), authorization="", **given):
    detail = Code("no")
    detail.code = code
    request = Thing(
        META={"HTTP_AUTHORIZATION": authorization}, authenticators=authenticators, _authenticator=None
    )
    context = {"request": request, "view": None}
    return Thing(**{"exception": True, "data": {"detail": detail}, "renderer_context": context, **given})


NAME = f"{__name__}.%s"


@pytest.mark.parametrize(
    ("authenticators", "authorization", "name"),
    [
        ([], "", ""),
        ([Basic()], "", NAME % "Basic"),
        ([Keyed(), Basic()], "", ""),
        ([Keyed(), Basic()], "Basic YTpi", NAME % "Basic"),
        ([Keyed(), Basic()], "Bearer x", ""),
    ],
)
def test_the_class_is_the_one_that_can_be_meant(authenticators, authorization, name) -> None:
    found = refusal_of(answer("not_authenticated", authenticators, authorization))
    assert found == ("not_authenticated", name)


@pytest.mark.parametrize(
    "response",
    [Thing(), answer(exception=False), answer(renderer_context=None), Thing(exception=True)],
)
def test_what_is_no_error_of_the_frameworks_is_left_to_others(response) -> None:
    assert refusal_of(response) is None


@pytest.mark.parametrize("data", [None, [], {}, {"detail": 7}, {"name": ["required"]}])
def test_an_error_of_another_form_has_no_code(data) -> None:
    assert refusal_of(answer(data=data)) == ("", "")


def test_an_authenticator_whose_code_fails_is_counted_and_costs_nobody_the_answer() -> None:
    class Broken(Basic):
        def authenticate_header(self, request):
            raise RuntimeError("no database")

    failed = []
    call = Thing(recorder=Thing(failed=lambda: failed.append(1)))
    assert tell(call, answer("throttled", [Broken()], status_code=429)) is False
    assert failed
