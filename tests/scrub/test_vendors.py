import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail import scrub
from sealtrail.scrub import vendors
from sealtrail.scrub.shapes import findings

AT_START = (
    *vendors.CLOUDS,
    *vendors.CODE,
    *vendors.WATCHING,
    *vendors.MONEY,
    *vendors.PEOPLE,
    *vendors.MODELS,
)
ROWS = (*AT_START, *vendors.INNER)

# As their makers show them; put together here, so that no scanner takes this file for a leak.
SHOWN = {
    "aws-key": ("AKIA", "IOSFODNN7EXAMPLE"),
    "google": ("AIza", "SyDaGmWKa4JsXZ-HjGw7ISLn_3namBGewQe"),
    "alibaba": ("LTAI", "5tHbcJYwhK2wVpX9dQ3e"),
    "azure-secret": ("abc8Q~", "defGHIjklMNOpqrSTUvwxYZ012345678.a"),
    "digitalocean": ("dop_v1_", "3d1ed8d8a8f8d4e3b0f7a6c5b4d3e2f1" * 2),
    "heroku": ("HRKU-", "01234567-89ab-cdef-0123-456789abcdef"),
    "doppler": ("dp.pt.", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"),
    "vault": ("hvs.", "CAESIJlU02LQZq9Zw7k1dYtYc2R9bGVhc2UtaGlkZGVu"),
    "terraform": ("AbCdEfGhIjKlMn", ".atlasv1." + "x9Y" * 21),
    "newrelic": ("NRAK-", "ABCDEFGHIJKLMNOPQRSTUVWXYZ0"),
    "grafana": ("glsa_", "abcdefghABCDEFGH0123456789abcdef_0a1b2c3d"),
    "atlassian": ("ATATT3", "xFfGF0" * 20),
    "linear": ("lin_api_", "abcdefghijABCDEFGHIJ0123456789abcdefghij"),
    "notion": ("ntn_", "12345678901" + "abcdeABCDE01234" * 2 + "abcde"),
    "figma": ("figd_", "aBcDeFgHiJ-kLmNoPqRsT_uVwXyZ0123456789abc"[:40]),
    "postman": ("PMAK-", "0123456789abcdef01234567-0123456789abcdef0123456789abcdef01"),
    "planetscale": ("pscale_tkn_", "aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789-_."),
    "supabase": ("sbp_", "0123456789" * 4),
    "netlify": ("nfp_", "aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789"),
    "nuget": ("oy2", "abcdefghij0123456789abcdefghij0123456789abc"),
    "rubygems": ("rubygems_", "0123456789abcdef" * 3),
    "crates": ("cio", "aBcDeFgHiJkLmNoPqRsTuVwXyZ012345"),
    "artifactory": ("AKCp", "aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789" + "a" * 33),
    "twilio": ("SK", "0123456789abcdef" * 2),
    "mailgun": ("key-", "0123456789abcdef" * 2),
    "plaid": ("access-sandbox-", "01234567-89ab-cdef-0123-456789abcdef"),
    "square": ("sq0atp-", "aBcDeFgHiJkLmNoPqRsTuV"),
    "braintree": ("access_token$", "production$abcdefgh01234567$0123456789abcdef0123456789abcdef"),
    "dynatrace": ("dt0c01.", "ABCDEFGHIJKLMNOPQRSTUVWX." + "ABCDEFGH01234567" * 4),
    "sentry": ("sntryu_", "0123456789abcdef" * 4),
    "okta": ("SSWS ", "00aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789_-ab"),
    "databricks": ("dapi", "0123456789abcdef" * 2),
}


@pytest.mark.parametrize("rule", SHOWN)
def test_a_vendors_token_is_removed_whole_from_text_query_and_json(rule):
    token = "".join(SHOWN[rule])
    for before, after in (("see ", " there"), ("k=", "&b=1"), ('{"k": "', '"}'), ("line\\n", "\\tend")):
        result, notes = scrub.text(f"{before}{token}{after}")
        assert result == f"{before}[redacted:{rule}]{after}"
        assert notes == (f"message:{rule}",)


@given(st.sampled_from(ROWS), st.data(), st.sampled_from(["", "see ", "a-", '"', "\\n"]))
def test_whatever_a_pattern_matches_is_found_through_the_gate_before_it(row, data, before):
    rule, _, pattern = row
    token = data.draw(st.from_regex(re.compile(pattern, re.ASCII), fullmatch=True))
    found = findings(f"{before}{token} end")
    assert any(f.start == len(before) for f in found if f.rule == rule)


@pytest.mark.parametrize("row", AT_START, ids=lambda row: f"{row[0]} {row[1].split()[0]}")
def test_every_literal_of_a_row_begins_what_its_pattern_matches(row):
    _, literals, pattern = row
    for literal in literals.split():
        assert re.match(r"[A-Za-z0-9]", literal)
        # Cut short behind its literal, the pattern must still want more: then the literal was taken.
        assert re.compile(pattern, re.ASCII).match(literal + " ") is None


@pytest.mark.parametrize(
    "text",
    [
        "the pattern matches patients, the dapi and the ghp_ prefix",
        "api-0f4e2f3a-77aa-4c1e-9f0f-0d7b7f3c9a11 is a name",
        "commit 4b1d0c2f9b1e7a3d5c8f0e6a4b2d1c3f5e7a9b0d",
        "sk-learn-contrib-estimators-and-transformers-v2",
        "secret_santa_gift_exchange_participants_list",
        "dp.example.com/dp.pt/and-some-longer-path-there",
        "re_engineering_department_of_something_longer",
        "API-DOCUMENTATION-AND-REFERENCE",
        "SCWABCDEFGHIJKLMNOPQ",
        "key-value-store-with-a-name-of-some-length",
    ],
)
def test_names_that_begin_as_tokens_do_are_left_alone(text):
    assert findings(text) == []
