from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.anchor.places import address, parts_of, place
from sealtrail.errors import UsageError


def test_a_folder_is_a_path_and_an_address_begins_with_a_scheme():
    assert place("/mnt/elsewhere").folder == "/mnt/elsewhere"
    one = place("https://keep.example:8443/checkpoints")
    assert one.address is not None
    assert (one.address.host, one.address.port, one.address.tls) == ("keep.example", 8443, True)
    assert (one.folder, one.is_secret) == ("", False)
    assert place("/mnt/elsewhere").id != place("/mnt/elsewhere2").id


def test_what_is_secret_in_an_address_is_sent_and_never_shown():
    one = place("https://me:pass%20word@keep.example/c/{origin}/{size}?sig=s3cret")
    assert one.address is not None
    assert one.address.credentials == "me:pass word"
    assert one.address.target == "/c/{origin}/{size}?sig=s3cret"
    assert one.is_secret
    assert one.name == "https://keep.example/c/{origin}/{size}"


def test_holders_make_an_address_of_its_own_for_each_checkpoint():
    one = address("http://127.0.0.1:1/{trail}/{origin}/{size}", "--anchor-to")
    assert one.is_each_its_own
    assert one.filled({"origin": "a b/audit", "trail": "audit", "size": "07"}) == "/audit/a%20b/audit/07"
    assert not address("http://[::1]:1/", "--anchor-to").is_each_its_own


@pytest.mark.parametrize(
    "text",
    [
        "http://keep.example/",  # readable for everybody between
        "ftp://keep.example/",
        "https:///nowhere",
        "https://keep.example/#part",
        "https://keep.example:port/",
        "https://keep.example/a\nb",
        "",
    ],
)
def test_what_cannot_be_used_is_refused_and_not_repeated(text):
    with pytest.raises(UsageError) as refused:
        place(text)
    assert refused.value.code == "usage.argument"
    assert "keep.example" not in refused.value.what


@given(st.text(min_size=1, max_size=40))
def test_no_origin_leads_out_of_the_folder(origin):
    parts = parts_of(origin)
    assert parts
    for part in parts:
        assert part
        assert part not in {".", ".."}
        assert not {"/", "\0"} & set(part)
        assert not part.startswith(".")
    assert parts_of("acme.example/api/audit") == ("acme.example", "api", "audit")
