from __future__ import annotations

import pytest

from sealtrail.capture.address import Addresses
from sealtrail.errors import UsageError


def test_without_trusted_proxies_a_forged_header_changes_nothing() -> None:
    assert Addresses().resolve("198.51.100.7", "203.0.113.9")[0] == "198.51.100.7"


def test_the_right_most_hop_that_is_not_trusted_is_the_client() -> None:
    addresses = Addresses(["10.0.0.0/8"])
    assert addresses.resolve("10.0.0.1", "6.6.6.6, 203.0.113.9, 10.0.0.2")[0] == "203.0.113.9"


def test_garbage_in_the_header_ends_the_walk_at_what_is_known() -> None:
    addresses = Addresses(["10.0.0.0/8"])
    assert addresses.resolve("10.0.0.1", "203.0.113.9, <script>")[0] == "10.0.0.1"


def test_the_standard_header_is_understood() -> None:
    addresses = Addresses(["10.0.0.0/8"])
    assert addresses.resolve("10.0.0.1", "", 'for="[2001:db8::7]:4711";proto=https')[0] == "2001:db8::7"


def test_a_proxy_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError):
        Addresses(["not a network"])
