from __future__ import annotations

import pytest

from sealtrail.errors import UsageError
from sealtrail.serve.front import own_url, proxies, public_url
from sealtrail.settings import HttpSettings


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8787"),
        ("0.0.0.0", "http://127.0.0.1:8787"),
        ("::", "http://[::1]:8787"),
        ("::1", "http://[::1]:8787"),
        ("192.0.2.1", "http://192.0.2.1:8787"),
        ("trail.example.org", "http://trail.example.org:8787"),
    ],
)
def test_a_link_leads_to_where_a_browser_can_go(host: str, url: str):
    assert own_url(host, 8787) == url


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("", ""),
        ("https://trail.example.org", "https://trail.example.org"),
        ("https://trail.example.org/", "https://trail.example.org"),
        ("http://[2001:db8::1]:8443", "http://[2001:db8::1]:8443"),
    ],
)
def test_the_address_for_everybody_is_taken_as_it_is(given: str, wanted: str):
    assert public_url(HttpSettings(public_url=given)) == wanted


@pytest.mark.parametrize(
    "given",
    [
        "trail.example.org",
        "ftp://trail.example.org",
        "https://",
        "https://trail.example.org/console",
        "https://trail.example.org?a=b",
        "https://trail.example.org#a",
        "https://me:secret@trail.example.org",
        "https://trail.example.org:99999",
        "https://[::1",
        "https://trail.example.org\n.evil.example",
        "javascript:alert(1)",
    ],
)
def test_what_leads_to_no_server_is_refused(given: str):
    with pytest.raises(UsageError) as caught:
        public_url(HttpSettings(public_url=given))
    assert caught.value.code == "usage.setting"


def test_proxies_are_named_by_their_networks():
    assert proxies(HttpSettings(trusted_proxies=("10.0.0.0/8",))).trusts("10.1.2.3")
    assert not proxies(HttpSettings()).trusts("127.0.0.1")
    with pytest.raises(UsageError, match="is not an address range"):
        proxies(HttpSettings(trusted_proxies=("everybody",)))
