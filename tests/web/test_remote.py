from __future__ import annotations

import pytest

from sealtrail.errors import UsageError
from sealtrail.web.remote import Remote, remote

KEY = "st_0123456789_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_ABCDE"


def test_a_url_names_a_host_and_where_its_paths_begin():
    found = remote("https://seal.example.org/trail/", KEY)
    assert found == Remote("seal.example.org", None, True, "/trail", "https://seal.example.org")
    assert remote("http://127.0.0.1:8787", KEY).port == 8787


@pytest.mark.parametrize(
    "url",
    [
        "seal.example.org",
        "ftp://seal.example.org",
        "https://",
        "https://u:p@seal.example.org",
        "https://seal.example.org/?key=x",
        "https://seal.example.org/#x",
        "https://seal.example.org:x",
        "https://seal\n.example.org",
    ],
)
def test_what_is_no_address_of_a_collector_is_refused_and_not_repeated(url):
    with pytest.raises(UsageError) as caught:
        remote(url, KEY)
    assert caught.value.code == "usage.argument"
    assert "example" not in caught.value.what


def test_a_key_goes_in_the_clear_to_this_machine_alone():
    for here in ("http://127.0.0.1:1", "http://localhost", "http://[::1]:5"):
        remote(here, KEY)
    with pytest.raises(UsageError) as caught:
        remote("http://seal.example.org", KEY)
    assert caught.value.code == "remote.insecure"
    remote("http://seal.example.org", KEY, insecure=True)
    with pytest.raises(UsageError):
        remote("https://seal.example.org", "not a key")
