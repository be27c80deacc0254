"""The trust file: what commands make of it, what people wrote into it, and that changes are recorded."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from sealtrail.cli.main import main
from sealtrail.errors import NotFoundError, UsageError
from sealtrail.ledger.cosign import ALGORITHMS, WitnessKey
from sealtrail.ledger.note import COSIGNATURE_V1, VerifyKey
from sealtrail.ledger.policy import Policy
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.sign import TrailKey
from sealtrail.serve import witnesses
from sealtrail.serve.folder import Folder
from sealtrail.serve.standing import Kept, Standing, kept_of
from sealtrail.serve.witnesses import add, address, listed, remove, trust_of

KEYS = [
    WitnessKey(f"w{n}.example/w", ALGORITHMS["ml-dsa-44" if n == 2 else "ed25519"], bytes([n + 1]) * 32).key
    for n in range(4)
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    made = Folder(tmp_path / "data")
    made.create()
    made.said = []
    monkeypatch.setattr(witnesses, "record", lambda _, fields: made.said.append(fields))
    return made


def put(folder, *numbers, quorum=""):
    return [add(folder.root, f"w{n}", KEYS[n].text, f"https://w{n}.example", quorum) for n in numbers]


def test_a_quorum_is_a_majority_and_what_was_all_stays_all(folder):
    assert put(folder, 0, 1, 2, 3) == ["1 of 1", "2 of 2", "2 of 3", "3 of 4"]
    assert remove(folder.root, "w3") == "2 of 3"
    assert put(folder, 3, quorum="all") == ["4 of 4"]
    assert remove(folder.root, "w3") == "3 of 3"
    assert put(folder, 3, quorum="1") == ["1 of 4"]
    assert [remove(folder.root, f"w{n}") for n in range(4)] == ["2 of 3", "2 of 2", "1 of 1", "none"]
    assert folder.witnesses.read_text() == ""


def test_the_file_is_a_policy_that_verify_takes(folder):
    put(folder, 0, 2)
    policy = Policy.from_text(folder.witnesses.read_text())
    assert policy.witnesses == {"w0": KEYS[0], "w2": KEYS[2]}
    assert policy.urls == {"w0": "https://w0.example", "w2": "https://w2.example"}
    assert folder.witnesses.stat().st_mode & 0o777 == 0o600


def test_every_change_is_recorded_before_it_is_made(folder, monkeypatch):
    put(folder, 0)
    remove(folder.root, "w0")
    assert [one["event.action"] for one in folder.said] == [
        "sealtrail.witness.added",
        "sealtrail.witness.removed",
    ]
    assert folder.said[0]["sealtrail.details"] == {"vkey": KEYS[0].text, "url": "https://w0.example"}

    def refused(*_):
        raise UsageError("usage.path", "the disk is full")

    monkeypatch.setattr(witnesses, "record", refused)
    with pytest.raises(UsageError, match="disk"):
        put(folder, 0)
    assert not trust_of(folder).keys


def test_what_people_wrote_stays(folder):
    text = f"# ours\nwitness a {KEYS[0].text} https://a.example/w\ngroup us any a\nquorum us\n"
    folder.witnesses.write_text(text)
    assert put(folder, 1) == ["1 of 1"]
    lines = folder.witnesses.read_text().splitlines()
    assert lines[0] == "# ours"
    assert lines[2].startswith("witness w1 ")
    assert lines[3:] == ["group us any a", "quorum us"]
    with pytest.raises(UsageError, match="written by hand"):
        put(folder, 3, quorum="2")
    with pytest.raises(UsageError, match="names a"):
        remove(folder.root, "a")
    assert remove(folder.root, "w1") == "1 of 1"
    assert folder.witnesses.read_text() == text


def test_a_quorum_of_none_is_a_decision_until_one_is_given(folder):
    folder.witnesses.write_text(f"witness a {KEYS[0].text}\nquorum none\n")
    assert put(folder, 1) == ["none"]
    assert put(folder, 2, quorum="all") == ["3 of 3"]
    assert (
        "a" not in trust_of(folder).remotes
    )  # no address is known: it is not asked, and counts all the same


@pytest.mark.parametrize(
    ("name", "vkey", "url", "quorum"),
    [
        ("", KEYS[1].text, "https://w.example", ""),
        ("a b", KEYS[1].text, "https://w.example", ""),
        ("none", KEYS[1].text, "https://w.example", ""),
        ("#w", KEYS[1].text, "https://w.example", ""),
        ("w0", KEYS[1].text, "https://w.example", ""),
        ("w1", KEYS[0].text, "https://w.example", ""),
        ("w1", "nonsense", "https://w.example", ""),
        ("w1", TrailKey("log.example/audit", b"l" * 32).key.text, "https://w.example", ""),
        ("w1", KEYS[1].text, "file:///etc/passwd", ""),
        ("w1", KEYS[1].text, "https://user:secret@w.example", ""),
        ("w1", KEYS[1].text, "https://w.example/?a=b", ""),
        ("w1", KEYS[1].text, "https://w.example", "3"),
        ("w1", KEYS[1].text, "https://w.example", "0"),
        ("w1", KEYS[1].text, "https://w.example", "most"),
    ],
)
def test_what_cannot_be_a_witness_changes_nothing(folder, name, vkey, url, quorum):
    put(folder, 0)
    before = folder.witnesses.read_text()
    with pytest.raises(UsageError):
        add(folder.root, name, vkey, url, quorum)
    assert folder.witnesses.read_text() == before
    assert len(folder.said) == 1


def test_a_secret_in_an_address_is_not_repeated():
    with pytest.raises(UsageError) as caught:
        address("https://user:hunter2@w.example")
    assert "hunter2" not in str(caught.value)


def test_who_is_no_witness_cannot_be_removed(folder):
    with pytest.raises(NotFoundError, match="no witness 'w9'"):
        remove(folder.root, "w9")


@pytest.mark.parametrize("text", ["witness a b", "\xff", "quorum x\n", "log x\n"])
def test_a_file_that_cannot_be_read_is_refused(folder, text):
    folder.witnesses.write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError):
        trust_of(folder)


def test_too_many_witnesses_are_refused(folder):
    keys = [VerifyKey(f"n{n}", COSIGNATURE_V1, bytes([n]) * 32) for n in range(witnesses.MAX_WITNESSES + 1)]
    lines = [f"witness {key.name} {key.text}\n" for key in keys]
    folder.witnesses.write_text("".join(lines))
    with pytest.raises(UsageError, match="more than 32"):
        trust_of(folder)


def test_a_state_that_cannot_be_read_is_none(folder):
    folder.witnessing.write_text("{")
    assert kept_of(folder) == Kept()
    assert Standing() == Standing({}, "", "", [])


def test_the_commands_change_and_show_it(tmp_path):
    """Without a server: the act is recorded by opening the folder for the moment."""
    data = str(tmp_path / "data")
    Folder(tmp_path / "data").create()

    def run(*words):
        told = CliRunner().invoke(main, ["witness", *words, "--data", data])
        assert told.exit_code == 0, told.output
        return told.output

    assert "a quorum is 1 of 1" in run("add", "w0", KEYS[0].text, "https://w0.example")
    shown = json.loads(run("list", "-o", "json"))
    assert shown["quorum"] == "1 of 1"
    assert [(one["name"], one["url"], one["cosigned"]) for one in shown["witnesses"]] == [
        ("w0", "https://w0.example", {})
    ]
    assert shown["unwitnessed"] == {"access": 0, "audit": 0}
    assert "audit is unwitnessed since 0" in run("list")
    run("remove", "w0")
    assert listed(tmp_path / "data")["witnesses"] == []
    reader = LedgerReader(tmp_path / "data")
    entries = b"\n".join(reader.read("audit", 0, 100))
    reader.close()
    assert b"sealtrail.witness.added" in entries
    assert b"sealtrail.witness.removed" in entries
