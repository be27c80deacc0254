from __future__ import annotations

import pytest

from sealtrail.errors import UsageError
from sealtrail.outgoing.hosts import Hosts


@pytest.mark.parametrize("host", ["api.example.com", "API.example.com.", "a.b.internal.example.com", "::1"])
def test_a_host_is_known_by_its_name_or_by_what_it_is_below(host):
    assert host in Hosts(["api.example.com", "*.internal.example.com", "[::1]"])


@pytest.mark.parametrize("host", ["example.com", "evil-api.example.com", "internal.example.com", ""])
def test_a_host_that_only_looks_alike_is_not(host):
    assert host not in Hosts(["api.example.com", "*.internal.example.com"])


def test_no_list_is_every_host_and_an_empty_one_is_none():
    assert "a" in Hosts(None)
    assert "a" not in Hosts([])
    with pytest.raises(UsageError):
        Hosts("example.com")
