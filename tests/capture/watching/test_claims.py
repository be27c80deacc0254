import json
from base64 import urlsafe_b64encode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealtrail.capture.exchange import Exchange
from sealtrail.capture.head import of_environ
from sealtrail.capture.watching.claims import MAX_TOKEN, NOTHING, Claims, claims_of, unverified
from sealtrail.capture.watching.plan import Plan
from sealtrail.capture.watching.watch import watched

CLAIMS = {
    "iss": "https://id.example/",
    "aud": ["shop", "billing"],
    "sub": "auth0|alice",
    "jti": "token-17",
    "azp": "web-client",
    "scope": "orders:read orders:write",
    "exp": 1_900_000_000,
}


def token(header=None, payload=None, signature="c2ln") -> str:
    header = {"alg": "RS256", "kid": "k1"} if header is None else header
    payload = CLAIMS if payload is None else payload
    parts = [urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (header, payload)]
    return ".".join([*parts, signature])


def test_what_a_token_says_and_whose_it_is_by_hashes_only(made):
    pseudonyms = made.pseudonyms
    assert claims_of(token(), pseudonyms) == Claims(
        issuer="https://id.example/",
        audience=("shop", "billing"),
        subject_hash=pseudonyms.of("sub", "auth0|alice"),
        id_hash=pseudonyms.of("jti", "token-17"),
        client_hash=pseudonyms.of("client", "web-client"),
        scopes=("orders:read", "orders:write"),
        algorithm="RS256",
        key_id="k1",
        expires="2030-03-17T17:46:40.000000Z",
    )


@pytest.mark.parametrize(
    "text",
    [
        *("", "a.b", "a.b.c", "....", token({}, {}), token([], []), token("x", 3), "A" * MAX_TOKEN + token()),
        token()[5:],
    ],
)
def test_what_is_no_token_says_nothing(made, text):
    assert unverified(text) == ({}, {})
    assert claims_of(text, made.pseudonyms) is NOTHING


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.sampled_from(["alg", "kid", "typ"]), ODD, max_size=3),
    st.dictionaries(st.sampled_from([*CLAIMS, "client_id", "scp"]), ODD, max_size=6),
)
def test_no_claim_makes_it_raise_and_each_is_of_its_type(made, header, payload):
    said = claims_of(token(header, payload), made.pseudonyms)
    for name, value in said._asdict().items():
        assert isinstance(value, tuple if name in {"audience", "scopes"} else str)
    assert all(isinstance(each, str) for each in (*said.audience, *said.scopes))


@pytest.mark.parametrize("expires", [0, -1, 1e300, float("nan"), True, "soon", 10**400])
def test_an_end_that_is_no_time_is_left_out(made, expires):
    assert claims_of(token(payload={"sub": "a", "exp": expires}), made.pseudonyms).expires == ""


def record(made, authorization, good=""):
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/a", "RAW_URI": "/a"}
    call = Exchange(made, of_environ({**environ, "HTTP_AUTHORIZATION": authorization}))
    call.status, call.ended = 200, call.began + 1
    call.enter()
    watched(call, Plan("token"))
    call.good_token = good
    call.finish()


def test_a_request_says_what_its_token_does_and_never_the_token(made, events):
    text = token()
    for _ in range(2):  # the second time it is remembered
        record(made, f"Bearer {text}")
    record(made, f"bearer {text}", good=made.pseudonyms.of_token(text))
    record(made, f"bearer {text}", good=made.pseudonyms.of_token("another"))
    first, second, third, fourth = events()
    names = [name for name in first if name.startswith("sealtrail.token.")]
    assert len(names) == 10
    assert [first[name] for name in names] == [second[name] for name in names]
    assert [e["sealtrail.token.verified"] for e in (first, third, fourth)] == [False, True, False]
    for part in (*text.split("."), "alice", "token-17", "web-client"):
        assert part not in str(events())


@pytest.mark.parametrize("authorization", ["Bearer opaque", "Basic YTpi", token(), "Bearer a.b.c"])
def test_other_credentials_say_nothing(made, events, authorization):
    record(made, authorization)
    assert not [name for name in events()[0] if name.startswith("sealtrail.token.")]


def test_secrets_in_what_a_token_says_are_scrubbed(made, events):
    secrets = token({"kid": "AKIAZ3MVLQ7XN2PKD8WT"}, {"iss": "https://a:hunter22@x.example"})
    record(made, f"Bearer {secrets}")
    (event,) = events()
    assert "AKIAZ3MVLQ7XN2PKD8WT" not in str(event)
    assert "hunter22" not in str(event)
