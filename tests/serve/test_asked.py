"""What a witness may answer, by real ones and by hostile ones, over a real connection."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.cosign import ALGORITHMS, WitnessKey
from sealtrail.ledger.merkle import leaf_hash, root_of
from sealtrail.ledger.note import sign_note
from sealtrail.ledger.proof import prove_consistency, range_hash
from sealtrail.ledger.sign import TrailKey
from sealtrail.ledger.vigil import Vigil
from sealtrail.serve.asked import Contradicted, Failed, Lines, asked
from sealtrail.serve.witnesses import address

LOG = TrailKey("log.example/audit", b"l" * 32)
WITNESS = WitnessKey("w.example/1", ALGORITHMS["ed25519"], b"w" * 32)
LEAVES = [leaf_hash(b"entry %d" % number) for number in range(40)]
NOW = 1_700_000_000


def node(level: int, index: int) -> bytes:
    return root_of(LEAVES[index << level : (index + 1) << level])


def note(size: int):
    return sign_note(Checkpoint(LOG.key.name, size, range_hash(0, size, node)).text, [LOG])


def prove(old: int, new: int) -> list[bytes]:
    return prove_consistency(old, new, node)


Reply = Callable[[bytes], tuple[int, bytes]]


@contextmanager
def answering(reply: Reply) -> Iterator[str]:
    """A server on loopback that answers every POST with what `reply` makes of its body."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, body = reply(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def question(reply: Reply, size: int = 20, old: int = 0, published: int = 20, key=WITNESS.key):
    with answering(reply) as url, Lines().to(address(url)) as line:
        return asked(line, key, note(size), old, prove, lambda: published, lambda: NOW)


def test_a_witness_is_asked_from_the_size_it_names(tmp_path):
    """It knows 7; we think that it knows nothing, or 16."""
    with Vigil(tmp_path, [LOG.key], lambda: NOW) as vigil:

        def reply(body: bytes) -> tuple[int, bytes]:
            answer = vigil.add_checkpoint(body)
            return answer.status, answer.body

        for size, old in ((7, 0), (20, 0), (30, 16), (30, 30)):
            told = question(reply, size, old, 30, vigil.key)
            assert told.size == size
            assert vigil.key.verifies(note(size).text, told.lines[0].payload)


def test_a_witness_that_has_seen_more_than_was_signed_contradicts():
    with pytest.raises(Contradicted, match="21 entries, more than were ever") as caught:
        question(lambda _: (409, b"21\n"))
    assert caught.value.size == 21


def test_a_later_checkpoint_that_somebody_else_showed_it_is_no_contradiction():
    with pytest.raises(Failed, match="a later checkpoint") as caught:
        question(lambda _: (409, b"21\n"), published=30)
    assert not isinstance(caught.value, Contradicted)


def test_a_witness_that_refuses_a_good_proof_contradicts():
    with pytest.raises(Contradicted, match="are not the first 7"):
        question(lambda _: (422, b"no\n"), old=7)


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (404, b"", "does not know this log"),
        (403, b"who?\n", "another key of this log .who"),
        (500, b"\x1b[31mred\xff", "answers 500"),
        (302, b"", "answers 302"),
        (409, b"7", "one size after another"),
        (409, b"-1\n", "without a size"),
        (409, b"\xff", "without a size"),
        (200, b"", "cannot be read"),
        (200, b"\xff\n", "cannot be read"),
        (200, b"x" * 70_000, "larger than any"),
        (200, WITNESS.cosign(note(19).text, NOW).text.encode(), "not good"),
        (200, WITNESS.cosign(note(20).text, NOW + 61).text.encode(), "from the future"),
        (
            200,
            WitnessKey("w.example/1", 4, b"x" * 32).cosign(note(20).text, NOW).text.encode(),
            "another key",
        ),
    ],
)
def test_what_is_no_cosignature_is_a_reason(status, body, why):
    with pytest.raises(Failed, match=why) as caught:
        question(lambda _: (status, body))
    assert str(caught.value).isprintable()


def test_lines_of_others_beside_the_one_we_know_are_left_out():
    other = WitnessKey("w.example/2", 4, b"x" * 32).cosign(note(20).text, NOW).text
    good = WITNESS.cosign(note(20).text, NOW + 60)
    assert question(lambda _: (200, (other + good.text).encode())).lines == (good,)


def test_who_cannot_be_reached_or_answers_without_end_is_given_up():
    with pytest.raises(Failed, match="cannot be asked"), Lines().to(address("http://127.0.0.1:1")) as line:
        asked(line, WITNESS.key, note(20), 0, prove, lambda: 20)
    gate = threading.Event()
    lines = Lines()

    def never(_: bytes) -> tuple[int, bytes]:
        lines.stop()  # as the collector does when it ends
        gate.wait(10)
        return 200, b""

    with answering(never) as url:
        with pytest.raises(Failed, match="cannot be asked"), lines.to(address(url)) as line:
            asked(line, WITNESS.key, note(20), 0, prove, lambda: 20)
        gate.set()
    with pytest.raises(Failed), lines.to(address("http://127.0.0.1:1")) as line:
        asked(line, WITNESS.key, note(20), 0, prove, lambda: 20)


def test_an_answer_that_drips_is_given_up_in_time():
    gate = threading.Event()

    def slow(_: bytes) -> tuple[int, bytes]:
        gate.wait(10)
        return 200, b""

    with answering(slow) as url:
        with pytest.raises(Failed, match="cannot be asked"), Lines(0.05).to(address(url)) as line:
            asked(line, WITNESS.key, note(20), 0, prove, lambda: 20)
        gate.set()
