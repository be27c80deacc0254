import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail import scrub
from sealtrail.scrub import fast, shapes

pytest.importorskip("hyperscan", reason="the extra `fast` is not installed")

PIECES = [literal for literal, _ in shapes._LOOKED_FOR] + [
    "eyJhbGciOiJIUzI1NiJ9",
    ".eyJzdWIiOiIxIn0.c2ln",
    "alice@example.com",
    "4111 1111 1111 1111",
    "078-05-1123",
    "GB29 NWBK 6016 1331 9268 19",
    "-----BEGIN PRIVATE KEY-----",
    "a1B2c3D4e5F6" * 3,
    "0123456789abcdef" * 2,
]


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=12).map("".join))
def test_the_findings_are_the_same_with_it_and_without(text):
    try:
        assert scrub.engine(use_fast=False) == "standard"
        plain = set(scrub.findings(text))
        assert scrub.engine() == "hyperscan"
        assert set(scrub.findings(text)) == plain
    finally:
        scrub.engine()


def test_threads_do_not_share_the_memory_of_a_scan():
    gate = fast.gate(["needle"])
    found = []

    def look():
        found.extend(gate(b"hay needle hay" * 50) for _ in range(200))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[0]] * 800


def test_a_forked_process_goes_on_looking():
    scrub.engine()
    assert scrub.findings("alice@example.com")
    child = os.fork()
    if child == 0:
        os._exit(0 if scrub.findings("alice@example.com") else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_scan_that_fails_hides_no_secret(monkeypatch):
    def failing(_: bytes) -> list[int]:
        raise MemoryError

    monkeypatch.setattr(shapes, "_gate", failing)
    monkeypatch.setattr(shapes, "_decided", True)
    assert [finding.rule for finding in shapes.findings("by alice@example.com")] == ["email"]
