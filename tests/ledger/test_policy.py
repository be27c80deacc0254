from __future__ import annotations

import struct

import pytest

from sealtrail.errors import LedgerError
from sealtrail.ledger.export import export_tlog
from sealtrail.ledger.note import COSIGNATURE_V1, Note, Signature, VerifyKey, cosigned_bytes, sign_note
from sealtrail.ledger.policy import Policy
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.sign import TrailKey, read_vkey
from sealtrail.ledger.verify import verify

LOG = TrailKey("a.example/x/audit", b"0" * 32)
WITNESSES = [TrailKey(f"w{n}.example/w", bytes([n]) * 32) for n in range(3)]
KEYS = [VerifyKey(w.key.name, COSIGNATURE_V1, w.key.public) for w in WITNESSES]

# A log's own key, dressed up as that of a witness.
SAME = VerifyKey("me", COSIGNATURE_V1, LOG.key.public)

TEXT = f"""
# who we trust
log {LOG.key.text} https://a.example/
witness w0 {KEYS[0].text}
witness w1 {KEYS[1].text} https://w1.example/
witness w2 {KEYS[2].text}
group pair all w0 w1
group some any pair w2
quorum some
"""


def cosigned(note: Note, number: int, moment: int = 1000) -> Note:
    signature = WITNESSES[number].sign(cosigned_bytes(note.text, moment))
    key = KEYS[number]
    line = Signature(key.name, key.id, struct.pack(">Q", moment) + signature)
    return Note(note.text, (*note.signatures, line))


@pytest.fixture
def note():
    return sign_note(b"a.example/x/audit\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n", [LOG])


def test_a_quorum_is_met_by_the_groups_it_names(note):
    policy = Policy.from_text(TEXT)
    assert policy.logs == (LOG.key,)
    assert policy.cosigned(note, 2000) == (False, [])
    assert policy.cosigned(cosigned(note, 0), 2000) == (False, ["w0"])
    assert policy.cosigned(cosigned(cosigned(note, 0), 1), 2000) == (True, ["w0", "w1"])
    assert policy.cosigned(cosigned(note, 2), 2000) == (True, ["w2"])


def test_a_cosignature_from_the_future_does_not_count(note):
    assert Policy.from_text(TEXT).cosigned(cosigned(note, 2, 3000), 2000) == (False, [])


def test_a_bad_cosignature_does_not_count(note):
    signed = cosigned(note, 2)
    other = Note(note.text.replace(b"\n0\n", b"\n1\n"), signed.signatures)
    assert Policy.from_text(TEXT).cosigned(other, 2000) == (False, [])


def test_without_a_quorum_nothing_is_asked_for_and_nothing_is_met(note):
    assert Policy.from_text(f"log {LOG.key.text}").cosigned(note, 2000) == (False, [])
    assert Policy.from_text("quorum none").quorum == "none"


@pytest.mark.parametrize(
    "line",
    [
        "log",
        "log x",
        "trust everybody",
        "witness none " + KEYS[0].text,
        "group g all",
        "group g 2 w0",
        "group g 0 w0",
        "group g any stranger",
        "quorum stranger",
        "quorum w0\nquorum w0",
        f"witness w0 {KEYS[1].text}",
    ],
)
def test_a_policy_that_cannot_be_is_refused(line):
    with pytest.raises(LedgerError) as caught:
        Policy.from_text(f"witness w0 {KEYS[0].text}\n{line}\n")
    assert caught.value.code == "ledger.format"


def test_a_witness_anchors_a_log_and_its_absence_is_not_skipped(grown, tmp_path):
    reader = LedgerReader(grown.data, volume_entries=1024)
    export_tlog(reader, "audit", tmp_path / "out")
    reader.close()
    log = read_vkey(grown.data / "keys" / "audit.vkey")
    policy = Policy.from_text(f"log {log.text}\nwitness w0 {KEYS[0].text}\nquorum w0\n")
    without = verify(tmp_path / "out", policy=policy, workers=1)
    assert (without.verdict, without.anchored) == ("unchecked", False)
    path = tmp_path / "out" / "checkpoint"
    path.write_bytes(cosigned(Note.from_bytes(path.read_bytes()), 0).data)
    report = verify(tmp_path / "out", policy=policy, workers=1)
    assert (report.verdict, report.anchored) == ("intact", True)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"witness a {KEYS[0].text}\nwitness b {KEYS[0].text}\n", "for a as well"),
        (f"witness a {KEYS[0].text}\nwitness b {KEYS[1].text}\ngroup g 2 a a\n", "count twice"),
        (f"log {LOG.key.text}\nwitness a {LOG.key.text}\n", "of a log"),
        (
            f"log {LOG.key.text}\nwitness a {VerifyKey('me', COSIGNATURE_V1, LOG.key.public).text}\n",
            "for a log as well",
        ),
    ],
)
def test_one_key_vouches_once_and_a_log_not_for_itself(text, why):
    with pytest.raises(LedgerError, match=why):
        Policy.from_text(text)
