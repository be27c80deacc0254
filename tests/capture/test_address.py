import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.capture.address import Addresses, parse
from sealtrail.errors import UsageError

PROXIES = Addresses(("10.0.0.0/8", "2001:db8:f::/48"))


@pytest.mark.parametrize(
    ("peer", "header", "client"),
    [
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),  # nobody vouches for the header
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "1.1.1.1, 203.0.113.9", "203.0.113.9"),  # the left-most is the client's own word
        ("10.0.0.1", "203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),  # all trusted: the farthest
        ("10.0.0.1", "203.0.113.9, nonsense", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
        ("10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"),
        ("10.0.0.1", "2001:DB8::1", "2001:db8::1"),
        ("10.0.0.1", "::ffff:203.0.113.9", "203.0.113.9"),
        ("::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("2001:db8:f::1", "203.0.113.9", "203.0.113.9"),
        ("fe80::1%eth0", "", "fe80::1"),
        ("", "203.0.113.9", ""),
    ],
)
def test_the_client_is_the_right_most_hop_that_is_not_trusted(peer, header, client):
    assert PROXIES.resolve(peer, header)[0] == client


def test_the_peer_is_told_beside_the_client():
    assert PROXIES.resolve("10.0.0.1", "203.0.113.9") == ("203.0.113.9", "10.0.0.1")


@pytest.mark.parametrize(
    ("header", "client"),
    [
        ("for=203.0.113.9", "203.0.113.9"),
        ('For="[2001:db8::1]:47"; proto=https', "2001:db8::1"),
        ("for=1.1.1.1, for=203.0.113.9;by=10.0.0.2", "203.0.113.9"),
        ("for=203.0.113.9, for=unknown", "10.0.0.1"),
        ("for=_hidden", "10.0.0.1"),
        ("proto=https", "10.0.0.1"),
    ],
)
def test_forwarded_is_read_where_there_is_no_x_forwarded_for(header, client):
    assert PROXIES.resolve("10.0.0.1", "", header)[0] == client
    assert PROXIES.resolve("10.0.0.1", "198.51.100.7", header)[0] == "198.51.100.7"


def test_a_unix_socket_is_trusted_by_name():
    assert Addresses(("unix",)).resolve("", "203.0.113.9") == ("203.0.113.9", "")
    assert Addresses().resolve("", "203.0.113.9") == ("", "")


def test_a_proxy_that_is_no_address_range_is_refused_with_advice():
    with pytest.raises(UsageError) as caught:
        Addresses(("10.0.0.0/8", "my-proxy"))
    assert "my-proxy" in str(caught.value)
    assert caught.value.hint


def test_what_is_remembered_is_bounded():
    addresses = Addresses(("10.0.0.0/8",))
    for number in range(10_000):
        addresses.resolve("10.0.0.1", f"203.0.{number >> 8}.{number & 255}")
    addresses.resolve("10.0.0.1", "x" * 100_000)
    assert len(addresses._known) <= 4096


@given(st.text(max_size=60), st.text(max_size=100), st.text(max_size=100))
def test_no_header_makes_it_raise_or_gives_what_is_no_address(peer, header, forwarded):
    client, shown = Addresses(("0.0.0.0/0", "unix")).resolve(peer, header, forwarded)
    assert not client or parse(client) is not None
    assert not shown or parse(shown) is not None
