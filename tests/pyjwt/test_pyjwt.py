from __future__ import annotations

import time

import jwt
import pytest
from flask import Flask, request
from hypothesis import given
from hypothesis import strategies as st
from jwt import exceptions

from sealtrail import pyjwt
from sealtrail.capture import context, recorder
from sealtrail.flask import Sealtrail
from sealtrail.spool.layout import segments

KEY = "a key for tests that is long enough to be one"
SUBJECT = "ann-of-the-harbour-office"


@pytest.fixture
def made(spool, monkeypatch):
    """The recorder of acts outside of requests, of this test's own."""
    monkeypatch.setattr(recorder, "_default", None)
    token = context.current.set(None)
    made = recorder.configured("shop", spool=spool)
    yield made
    context.current.reset(token)
    made.spool.close()


def _token(key: str = KEY, algorithm: str = "HS256", **claims) -> str:
    return jwt.encode(
        {"sub": SUBJECT, "jti": "token-0001-of-ann", "iss": "https://id.example", **claims}, key, algorithm
    )


def _decode(token, **options):
    return pyjwt.decode(token, KEY, algorithms=["HS256"], **options)


def test_a_good_token_is_decoded_and_no_event(made, events):
    assert _decode(_token())["sub"] == SUBJECT
    assert events() == []


@pytest.mark.parametrize(
    ("token", "options", "raised", "reason"),
    [
        (_token(exp=1), {}, exceptions.ExpiredSignatureError, "expired"),
        (_token(nbf=time.time() + 9999), {}, exceptions.ImmatureSignatureError, "not_yet_valid"),
        (
            _token(key=KEY[::-1]),
            {},
            exceptions.InvalidSignatureError,
            "bad_signature",
        ),
        (_token(aud="a"), {"audience": "b"}, exceptions.InvalidAudienceError, "wrong_audience"),
        (_token(), {"issuer": "https://other.example"}, exceptions.InvalidIssuerError, "wrong_issuer"),
        (_token(), {"subject": "bob"}, exceptions.InvalidSubjectError, "wrong_subject"),
        (_token(jti=7), {}, exceptions.InvalidJTIError, "malformed"),
        (_token(iat="then"), {}, exceptions.InvalidIssuedAtError, "malformed"),
        (_token(), {"options": {"require": ["exp"]}}, exceptions.MissingRequiredClaimError, "missing_claim"),
        (jwt.encode({}, "k" * 64, "HS512"), {}, exceptions.InvalidAlgorithmError, "wrong_algorithm"),
        ("not.a.token", {}, exceptions.DecodeError, "malformed"),
        ("", {}, exceptions.DecodeError, "malformed"),
    ],
)
def test_what_pyjwt_raises_passes_and_is_recorded_by_its_reason(
    made, events, spool, token, options, raised, reason
):
    with pytest.raises(raised):
        _decode(token, **options)
    (event,) = events()
    assert (event["event.action"], event["event.reason"]) == ("authn_token_fail", reason)
    assert (event["event.outcome"], event["sealtrail.auth.method"]) == ("failure", "jwt")
    written = b"".join(path.read_bytes() for path in spool.rglob("*") if path.is_file())
    assert not any(
        part.encode() in written for part in (SUBJECT, "token-0001", *token.split(".")) if len(part) > 8
    )


def test_claims_are_kept_as_hashes_and_what_is_harmless_as_it_is(made, events):
    for number in (1, 2):
        with pytest.raises(exceptions.ExpiredSignatureError):
            _decode(_token(exp=number))
    first, second = (event["sealtrail.details"] for event in events())
    assert (first["alg"], first["iss"]) == ("HS256", "https://id.example")
    assert first["sub_hash"] == second["sub_hash"]
    assert first["jti_hash"] == second["jti_hash"] != first["sub_hash"]
    assert events()[0]["sealtrail.auth.token_hash"] != events()[1]["sealtrail.auth.token_hash"]


def test_every_class_of_pyjwt_has_a_reason():
    kinds = [k for k in vars(exceptions).values() if isinstance(k, type) and issubclass(k, Exception)]
    assert len(kinds) >= 15
    assert {kind.__name__ for kind in kinds} <= set(pyjwt._REASONS)


def test_a_class_of_ones_own_counts_as_its_nearest_and_a_stranger_as_refused():
    class TooOld(exceptions.ExpiredSignatureError):
        pass

    assert pyjwt.reason_of(TooOld()) == "expired"
    assert pyjwt.reason_of(ValueError()) == "refused"


def test_what_is_not_pyjwts_passes_unrecorded(made, events):
    with pytest.raises(ZeroDivisionError), pyjwt.observing("a.b.c"):
        _ = 1 / 0
    assert events() == []


def test_in_a_request_the_reason_is_told_once_with_the_hash_that_the_request_has(spool, events, made):
    app = Flask("shop")
    Sealtrail(app, service="shop", spool=spool)

    @app.get("/")
    def index():
        token = request.headers["Authorization"].partition(" ")[2]
        try:
            return _decode(token)["sub"]
        except jwt.InvalidTokenError:
            return "no", 401

    app.test_client().get("/", headers={"Authorization": f"Bearer {_token(exp=1)}"}, buffered=True)
    failed, asked = events()
    assert failed["event.reason"] == "expired"
    assert failed["sealtrail.auth.token_hash"] == asked["sealtrail.auth.token_hash"]


@given(
    token=st.one_of(
        st.text(max_size=200), st.binary(max_size=200), st.lists(st.text(max_size=40)).map(".".join)
    )
)
def test_whatever_the_token_is_nothing_of_ours_is_raised(tmp_path_factory, token):
    spool = tmp_path_factory.mktemp("spool")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recorder, "_default", None)
        patch.setenv("SEALTRAIL_PSEUDONYM_KEY", "for tests")
        kept = recorder.configured("shop", spool=spool)
        assert pyjwt.refused(token, exceptions.DecodeError("no"))
        assert sum(path.read_bytes().count(b"\n") for _, path in segments(spool)) == 1
        kept.spool.close()


def test_a_fault_of_ours_is_counted_and_pyjwts_exception_still_passes(made, monkeypatch):
    monkeypatch.setattr(pyjwt, "_claims", lambda *_: 1 / 0)
    with pytest.raises(exceptions.DecodeError):
        _decode("x")
    assert made.errors == 1


def test_a_request_says_whether_its_token_was_verified(spool, events):
    app = Flask("vouching")
    Sealtrail(app, service="vouching", spool=spool, api_fields="token")

    @app.get("/<how>")
    def read(how):
        token = request.headers["Authorization"].partition(" ")[2]
        if how == "verified":
            _decode(token.encode())
        elif how == "unverified":
            pyjwt.decode(token, options={"verify_signature": False})
        elif how == "other":
            _decode(_token(sub="somebody-else"))
        return {}

    ways = ("verified", "unverified", "other", "unread")
    for how in ways:
        app.test_client().get(f"/{how}", headers={"Authorization": f"Bearer {_token()}"}).close()
    assert [e["sealtrail.token.verified"] for e in events()] == [how == "verified" for how in ways]
    assert events()[0]["sealtrail.token.issuer"] == "https://id.example"
    assert SUBJECT not in str(events())
