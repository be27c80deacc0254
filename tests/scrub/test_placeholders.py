import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail import scrub


@pytest.mark.parametrize(
    "text",
    [
        "//packages.example/:_authToken=${NPM_TOKEN}",
        "password: ${{ secrets.DB_PASSWORD }}",
        'password: "{{ vault.db_password }}"',
        "password=%(password)s",
        "token=$GITHUB_TOKEN",
        "token: <your-api-token>",
        "token=<token>, next",
        'secret = os.environ["APP_SECRET"]',
        "secret = os.getenv('APP_SECRET')",
        "secret: process.env.APP_SECRET,",
        "password=********",
        'password="xxxx"',
        "password=[FILTERED]",
        "password: <redacted>",
        "api_key=...",
    ],
)
def test_what_only_points_to_a_secret_stays(text):
    assert scrub.text(text) == (text, ())


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("password=$ecret99", "ecret99"),
        ("password=${DB:-hunter2}", "hunter2"),
        ("password=${DB}hunter2", "hunter2"),
        ("password=***hunter2", "hunter2"),
        ("password=xxxxhunter2", "hunter2"),
        ('password="${DB} hunter2"', "hunter2"),
        ('password="<token> hunter2"', "hunter2"),
        ("password=abc(hunter2[", "hunter2"),
        ("password=a[b]hunter2", "hunter2"),
        ("password=a]b}hunter2", "hunter2"),
        ("password=changeme", "changeme"),
        ("password=os.getenv('DB', 'hunter2')", "os.getenv"),
        ("token=$AKIAZ3MVLQ7XN2PKD8WT", "AKIAZ3MVLQ7XN2PKD8WT"),
        ("token=<AKIAZ3MVLQ7XN2PKD8WT>", "AKIAZ3MVLQ7XN2PKD8WT"),
    ],
)
def test_what_only_begins_like_that_goes(text, gone):
    result, notes = scrub.text(text)
    assert gone not in result
    assert notes


def test_beyond_free_text_a_name_alone_decides():
    assert scrub.details({"password": "${DB_PASSWORD}"})[0] == {"password": "[redacted:password]"}
    assert scrub.query("token=********")[0] == "token=[redacted:token]"


@given(st.text(alphabet="${}<>*x%()[]'\" \\tokensecret_09", max_size=40))
def test_no_text_of_their_signs_makes_it_raise_or_hides_what_follows(text):
    result, _ = scrub.text(f"password={text}\nPIN: Tr0ub4dor-3xk9 \n")
    assert "Tr0ub4dor-3xk9" not in result
