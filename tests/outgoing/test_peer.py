from __future__ import annotations

import ssl
from types import SimpleNamespace

from sealtrail.outgoing.peer import Peer, peer_of


def test_a_plain_connection_has_an_address_alone():
    assert peer_of("203.0.113.9", None) == Peer("203.0.113.9")
    assert peer_of("203.0.113.9", object()) == Peer("203.0.113.9")


def test_an_odd_date_and_an_endless_name_are_bounded():
    told = {"subject": ((("commonName", "x" * 9999),),), "notAfter": "someday"}
    tls = SimpleNamespace(
        getpeercert=lambda binary=False: b"der" if binary else told,
        version=lambda: None,
        cipher=lambda: None,
        context=SimpleNamespace(verify_mode=ssl.CERT_REQUIRED),
    )
    found = peer_of("", tls)
    assert len(found.subject) == 512
    assert (found.not_after, found.version, found.cipher) == ("", "", "")
    assert found.verified is True
