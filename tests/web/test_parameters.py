from __future__ import annotations

import pytest
from starlette.requests import Request

from sealtrail.errors import QueryError
from sealtrail.web.parameters import Parameter, number, read, text

DECLARED = (
    Parameter("q", "A query.", "*"),
    Parameter("limit", "At most.", 5, least=1, most=10),
    Parameter("form", "How.", "csv", choices=("csv", "raw")),
    Parameter("trail", "Which.", where="path"),
)


def asking(query: str) -> Request:
    return Request(
        {"type": "http", "method": "GET", "path": "/", "query_string": query.encode(), "headers": []}
    )


def test_what_is_given_wins_over_the_default_and_numbers_are_numbers():
    assert read(asking(""), DECLARED) == {"q": "*", "limit": 5, "form": "csv"}
    request = asking("q=a%20b&limit=10&form=raw")
    request.state.given = read(request, DECLARED)
    assert (text(request, "q"), number(request, "limit"), text(request, "form")) == ("a b", 10, "raw")


@pytest.mark.parametrize(
    "query",
    ["trail=audit", "Q=a", "q=a&q=a", "limit=0", "limit=11", "limit=1e1", "limit=", "form=xml", "form="],
)
def test_what_cannot_be_is_refused(query):
    with pytest.raises(QueryError) as caught:
        read(asking(query), DECLARED)
    assert caught.value.code == "query.parameter"
