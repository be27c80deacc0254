from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.errors import UsageError
from sealtrail.respond.address import is_ours, networks, parse, shown, widened, within


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("203.0.113.9/32", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:DB8::1", "2001:db8::1"),
        ("2001:db8::/64", "2001:db8::/64"),
    ],
)
def test_what_can_be_blocked_has_one_way_to_be_written(text: str, expected: str) -> None:
    network = parse(text)
    assert network is not None
    assert shown(network) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "203.0.113.0/24",
        "2001:db8::/32",
        "2001:db8::1/64",
        "fe80::1%eth0",
        "203.0.113.9:80",
        "0/0",
        "9" * 100,
        "unix:",
        "203.0.113.009",
        "1",
    ],
)
def test_what_is_no_single_client_cannot_be_blocked(text: str) -> None:
    assert parse(text) is None


@given(st.text(max_size=80))
def test_any_text_is_an_address_or_none(text: str) -> None:
    network = parse(text)
    assert network is None or parse(shown(network)) == network


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1",
        "127.9.9.9",
        "::1",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "ff02::1",
        "169.254.1.1",
        "fe80::1",
        "255.255.255.255",
        "::ffff:127.0.0.1",
    ],
)
def test_loopback_and_the_like_are_ours(text: str) -> None:
    network = parse(text)
    assert network is not None
    assert is_ours(network)


def test_clients_are_not_ours() -> None:
    for text in ("203.0.113.9", "10.0.0.1", "2001:db8::1"):
        network = parse(text)
        assert network is not None
        assert not is_ours(network)


def test_an_ipv6_client_is_blocked_with_its_64_unless_somebody_is_spared_there() -> None:
    client = parse("2001:db8:0:1::5")
    assert client is not None
    assert shown(widened(client, ())) == "2001:db8:0:1::/64"
    assert shown(widened(client, networks(["2001:db8:0:1::9"]))) == "2001:db8:0:1::5"
    four = parse("203.0.113.9")
    assert four is not None
    assert widened(four, ()) == four


def test_families_do_not_meet() -> None:
    four = parse("203.0.113.9")
    assert four is not None
    assert within(four, networks(["::/0", "203.0.113.0/24"]))
    assert not within(four, networks(["::/0"]))


def test_a_setting_that_is_no_network_is_an_error() -> None:
    assert len(networks(["10.0.0.1/8", " 192.0.2.1 "])) == 2
    with pytest.raises(UsageError, match="proxy"):
        networks(["proxy"])
