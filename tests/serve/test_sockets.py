from __future__ import annotations

import socket

import pytest

from sealtrail.errors import UsageError
from sealtrail.serve.sockets import bound


def test_a_free_port_is_taken_and_listened_on():
    with bound("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname(), timeout=5):
        pass


@pytest.mark.parametrize("host", ["127.0.0.1", "no.such.host.invalid"])
def test_an_address_that_cannot_be_listened_on_is_a_usage_error(host):
    with bound("127.0.0.1", 0) as first, pytest.raises(UsageError, match="cannot be listened on"):
        bound(host, first.getsockname()[1])
