"""The fault list of the ledger, planted in each kind of file: none of it verifies as intact.

One installation is made once and copied for each fault; hypothesis chooses the places. Faults of somebody
without the key contradict what is there. Those of a key's holder agree with themselves: without a kept
checkpoint the report says "NOT anchored", and with one they are tampering.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealtrail.errors import LedgerError
from sealtrail.ledger.checkpoint import Checkpoint, history_record
from sealtrail.ledger.export import export_tlog
from sealtrail.ledger.files import Disk
from sealtrail.ledger.held import copy_held
from sealtrail.ledger.layout import frame, sealed_lines, sealed_text
from sealtrail.ledger.merkle import leaf_hashes
from sealtrail.ledger.note import Note, Signature, sign_note
from sealtrail.ledger.prune import prune_volumes
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.report import Report
from sealtrail.ledger.sign import TrailKey, open_key, read_vkey
from sealtrail.ledger.verify import verify
from sealtrail.ledger.volume import VolumeFile, seal_volume, split_records, whole_frames

ENTRIES = 1024  # of a volume, as the conftest has it
FIRST_KEY = "first.vkey"  # of the audit trail: it was handed over since
FEW = settings(max_examples=5, deadline=None)


class Unsynced(Disk):
    """Skips the syncs: no power fails here."""

    def datasync(self, fd: int) -> None:
        pass

    def sync_folder(self, path: Path) -> None:
        pass


def judged(data: Path, **options: Any) -> Report:
    return verify(data, workers=1, volume_entries=ENTRIES, **options)


@pytest.fixture(scope="module")
def whole(settled: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two trails with sealed volumes and active files, of which one was pruned but for what a hold is on, and
    one handed over to a new key; and an export.
    """
    data = tmp_path_factory.mktemp("whole") / "data"
    shutil.copytree(settled.data, data)
    shutil.copy(data / "keys" / "audit.vkey", data / FIRST_KEY)
    twin = type(settled)(data)
    reader = LedgerReader(data, volume_entries=ENTRIES)
    copy_held(data / "holds", reader, "access", ((3, 5),), volume_entries=ENTRIES)
    reader.close()
    twin.system(
        "audit",
        event__action="sealtrail.prune",
        sealtrail__range__trail="access",
        sealtrail__range__end=1024,
        sealtrail__details={"held": [[3, 5]]},
    )
    twin.sign()
    twin.rotate("audit")
    twin.write("access", 30)
    twin.write("audit", 30)
    twin.sign()
    twin.close()
    prune_volumes(data / "trails" / "access", 1024, Unsynced(), volume_entries=ENTRIES)
    reader = LedgerReader(data, volume_entries=ENTRIES)
    export_tlog(reader, "audit", data / "log")
    reader.close()
    assert judged(data).verdict == "intact"
    assert judged(data / "log", keys=[read_vkey(data / FIRST_KEY)]).verdict == "intact"
    return data


Copy = Callable[[], Path]


@pytest.fixture(scope="module")
def copy(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    """Gives a fresh copy; the one before it goes."""
    target = tmp_path_factory.mktemp("copy") / "data"

    def make() -> Path:
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(whole, target)
        return target

    yield make
    shutil.rmtree(target, ignore_errors=True)


# --- somebody without the key, in any file

KINDS = {
    "checkpoint": "trails/*/checkpoint",
    "checkpoints": "trails/*/checkpoints",
    "active": "trails/*/active-*",
    "volume": "trails/*/volume-*.zst",
    "tile": "trails/*/volume-*.tile",
    "sealed": "trails/*/sealed",
    "pruned": "trails/*/pruned",
    "handovers": "trails/*/handovers",
    "held copy": "holds/**/*",
    "key": "keys/*.vkey",
    "exported checkpoint": "log/checkpoint",
    "exported handovers": "log/handovers",
    "exported entries": "log/tile/entries/**/*",
    "exported tile": "log/tile/[0-9]/**/*",
}


def flip(data: bytes, draw: Any) -> bytes:
    at = draw(st.integers(0, len(data) - 1))
    return data[:at] + bytes((data[at] ^ 1 << draw(st.integers(0, 7)),)) + data[at + 1 :]


def delete(data: bytes, draw: Any) -> bytes:
    start = draw(st.integers(0, len(data) - 1))
    return data[:start] + data[draw(st.integers(start + 1, len(data))) :]


def insert(data: bytes, draw: Any) -> bytes:
    at = draw(st.integers(0, len(data) - 1))
    return data[:at] + draw(st.binary(min_size=1, max_size=40)) + data[at:]


def duplicate(data: bytes, draw: Any) -> bytes:
    """Some bytes twice, but not the last ones: behind the end lies what a crash may leave."""
    start = draw(st.integers(0, len(data) - 2))
    end = draw(st.integers(start + 1, len(data) - 1))
    return data[:end] + data[start:end] + data[end:]


def swap(data: bytes, draw: Any) -> bytes:
    """Two parts change places."""
    cut = draw(st.integers(1, len(data) - 1))
    return data[cut:] + data[:cut]


def truncate(data: bytes, draw: Any) -> bytes:
    return data[: draw(st.integers(0, len(data) - 1))]


FAULTS = (flip, delete, insert, duplicate, swap, truncate)


def of_the_pruned(sealed: bytes) -> str:
    """`sealed` without digest and size of the volume that was pruned: nothing is left to compare with."""
    try:
        lines = sealed_lines(sealed)
    except LedgerError:
        return ""
    return str([line.root.hex() if not line.volume and len(lines) == 2 else line for line in lines])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", FAULTS)
@FEW
@given(data=st.data())
def test_no_changed_file_verifies_as_intact(copy: Copy, kind: str, fault: Callable[..., bytes], data: Any):
    folder = copy()
    files = sorted(path for path in folder.glob(KINDS[kind]) if path.is_file())
    path = data.draw(st.sampled_from(files))
    before = path.read_bytes()
    after = fault(before, data.draw)
    if kind == "checkpoints" and before.startswith(after) and before[len(after) :].count(b"\n\n") < 2:
        return  # the end of the last note is cut off: as torn by a crash, and `checkpoint` still has it
    if after == before or (kind == "sealed" and of_the_pruned(before) == of_the_pruned(after) != ""):
        return
    path.write_bytes(after)
    target = folder / "log" if kind.startswith("exported") else folder
    keys = [read_vkey(folder / FIRST_KEY)] if kind.startswith("exported") else []
    verdict = judged(target, keys=keys).verdict
    # With another origin it is another log, of which no key was given.
    assert verdict == "tampered" or (kind == "exported checkpoint" and verdict == "unchecked")


@pytest.mark.parametrize("kind", KINDS)
def test_no_missing_file_verifies_as_intact(copy: Copy, whole: Path, kind: str):
    for path in sorted(path.relative_to(whole) for path in whole.glob(KINDS[kind]) if path.is_file()):
        folder = copy()
        keys = [read_vkey(folder / FIRST_KEY)] if kind.startswith("exported") else []
        (folder / path).unlink()
        target = folder / "log" if kind.startswith("exported") else folder
        expected = "unchecked" if kind == "key" else "tampered"
        assert judged(target, keys=keys).verdict == expected, path


# --- somebody without the key, who makes everything anew that is not signed


def edited(entries: list[bytes], draw: Any) -> list[bytes]:
    at = draw(st.integers(0, len(entries) - 1))
    return [*entries[:at], flip(entries[at], draw), *entries[at + 1 :]]


def without_one(entries: list[bytes], draw: Any) -> list[bytes]:
    at = draw(st.integers(0, len(entries) - 1))
    return entries[:at] + entries[at + 1 :]


def with_one_more(entries: list[bytes], draw: Any) -> list[bytes]:
    at = draw(st.integers(0, len(entries) - 1))
    return [*entries[:at], b'{"event.id":"invented"}', *entries[at:]]


def with_one_twice(entries: list[bytes], draw: Any) -> list[bytes]:
    at = draw(st.integers(0, len(entries) - 1))
    return [*entries[:at], entries[at], *entries[at:]]


def in_other_order(entries: list[bytes], draw: Any) -> list[bytes]:
    one, other = draw(st.lists(st.integers(0, len(entries) - 1), min_size=2, max_size=2, unique=True))
    changed = [*entries]
    changed[one], changed[other] = entries[other], entries[one]
    return changed


def cut_off(entries: list[bytes], draw: Any) -> list[bytes]:
    return entries[: draw(st.integers(0, len(entries) - 1))]


def grouped(entries: list[bytes], draw: Any) -> list[bytes]:
    """A node for a leaf: two neighbours become one entry that holds their hashes."""
    at = draw(st.integers(0, len(entries) - 2))
    return [*entries[:at], b"".join(leaf_hashes(entries[at : at + 2])), *entries[at + 2 :]]


CHANGES = (edited, without_one, with_one_more, with_one_twice, in_other_order, cut_off, grouped)


def write_active(path: Path, first: int, entries: list[bytes]) -> None:
    frames = [entries[at : at + 100] for at in range(0, len(entries), 100)]
    path.write_bytes(
        b"".join(frame(first + 100 * n, part, leaf_hashes(part)) for n, part in enumerate(frames))
    )


@pytest.mark.parametrize("change", CHANGES)
@FEW
@given(data=st.data())
def test_entries_changed_in_an_active_file_with_good_checksums_are_tampering(
    copy: Copy, change: Callable[..., list[bytes]], data: Any
):
    folder = copy()
    path = data.draw(st.sampled_from(sorted(folder.glob("trails/*/active-*"))))
    first = int(path.name[7:]) * ENTRIES
    with path.open("rb") as file:
        entries = [one for *_, found in whole_frames(file.fileno(), first, first + ENTRIES) for one in found]
    changed = change(entries, data.draw)
    if changed == entries:
        return
    write_active(path, first, changed)
    assert judged(folder).verdict == "tampered"


@pytest.mark.parametrize("change", CHANGES)
@FEW
@given(data=st.data())
def test_entries_changed_in_a_sealed_volume_that_is_sealed_anew_are_tampering(
    copy: Copy, change: Callable[..., list[bytes]], data: Any
):
    """Entries, tile, digest and the line in `sealed` agree with one another, and not with what was signed."""
    folder = copy()
    path = data.draw(st.sampled_from(sorted(folder.glob("trails/*/volume-*.zst"))))
    trail, volume = path.parent, int(path.name[7:13])
    with VolumeFile(path) as file:
        entries = [one for number in range(file.frames) for one in split_records(file.unpack(number))]
    changed = change(entries, data.draw)
    if changed == entries:
        return
    changed = (changed + entries[::-1])[:ENTRIES]  # a volume is full, or nobody takes it for one
    write_active(trail / f"active-{volume:06d}", volume * ENTRIES, changed)
    lines = sealed_lines((trail / "sealed").read_bytes())
    lines[volume] = seal_volume(trail, volume, ENTRIES, Unsynced())
    (trail / f"active-{volume:06d}").unlink()
    (trail / "sealed").write_bytes(sealed_text(lines))
    assert judged(folder).verdict == "tampered"


def test_an_entry_longer_than_an_entry_can_be_is_tampering(copy: Copy):
    folder = copy()
    path = folder / "trails" / "audit" / "active-000001"
    entry = b"x" * 65_535
    data = frame(ENTRIES, [entry] * 255, leaf_hashes([entry] * 255))
    path.write_bytes(data[:4] + (17 * 1024 * 1024).to_bytes(4, "big") + data[8:])
    assert judged(folder).verdict == "tampered"


def test_a_volume_that_is_full_and_not_sealed_is_held_to_the_signature_as_well(settled: Any, tmp_path: Path):
    data = tmp_path / "data"
    (data / "keys").mkdir(parents=True)
    made = type(settled)(data)
    for _ in range(3):
        made.write("access", 700)
        made.sign()
    made.close()
    full = data / "trails" / "access" / "active-000000"
    assert judged(data).verdict == "intact"
    before = full.read_bytes()
    for at in (0, 30, len(before) // 2, len(before) - 1):
        full.write_bytes(before[:at] + bytes((before[at] ^ 4,)) + before[at + 1 :])
        assert judged(data).verdict == "tampered", at
    full.unlink()
    assert judged(data).verdict == "tampered"


# --- checkpoints: taken out, put back, exchanged, signed by others


def notes_of(trail: Path) -> list[bytes]:
    parts = (trail / "checkpoints").read_bytes().split(b"\n\n")
    return [parts[n] + b"\n\n" + parts[n + 1] + b"\n" for n in range(0, len(parts) - 1, 2)]


def write_notes(trail: Path, notes: list[bytes], current: bytes | None = None) -> None:
    (trail / "checkpoints").write_bytes(b"".join(map(history_record, notes)))
    (trail / "checkpoint").write_bytes(current or notes[-1])


def forged(note: bytes, draw: Any, key: TrailKey, *, claim: TrailKey | None = None) -> bytes:
    """Another root under the note, signed with `key`, which claims to be `claim`."""
    checkpoint = Checkpoint.from_note(note)[0]
    text = Checkpoint(checkpoint.origin, checkpoint.size, draw(st.binary(min_size=32, max_size=32))).text
    name = (claim or key).key
    return Note(text, (Signature(name.name, name.id, key.sign(text)),)).data


def some_missing(count: int) -> Callable[..., list[bytes]]:
    def take(notes: list[bytes], draw: Any, key: TrailKey) -> list[bytes]:
        # Not the first, which is no loss; not the last, with what is behind it: that is below. Nor
        # one of what was pruned: the entries that demand it are gone.
        at = draw(st.integers(2, len(notes) - 1 - count))
        return notes[:at] + notes[at + count :]

    take.__name__ = f"{count}_missing"
    return take


def replayed(notes: list[bytes], draw: Any, key: TrailKey) -> list[bytes]:
    return [*notes, notes[draw(st.integers(0, len(notes) - 1))]]


def exchanged(notes: list[bytes], draw: Any, key: TrailKey) -> list[bytes]:
    return in_other_order(notes, draw)


def signed_by_a_stranger(notes: list[bytes], draw: Any, key: TrailKey) -> list[bytes]:
    at = draw(st.integers(0, len(notes) - 1))
    stranger = TrailKey(key.key.name, draw(st.binary(min_size=32, max_size=32)))
    return [*notes[:at], forged(notes[at], draw, stranger), *notes[at + 1 :]]


def signed_badly_under_the_known_key(notes: list[bytes], draw: Any, key: TrailKey) -> list[bytes]:
    at = draw(st.integers(0, len(notes) - 1))
    stranger = TrailKey(key.key.name, draw(st.binary(min_size=32, max_size=32)))
    return [*notes[:at], forged(notes[at], draw, stranger, claim=key), *notes[at + 1 :]]


def forked_by_the_key(notes: list[bytes], draw: Any, key: TrailKey) -> list[bytes]:
    """The key's holder signs another root for a size that was signed."""
    at = draw(st.integers(0, len(notes) - 1).filter(lambda n: n != 1))  # that one was pruned: see below
    return [*notes[:at], forged(notes[at], draw, key), *notes[at + 1 :]]


def of_another_log(notes: list[bytes], draw: Any, key: TrailKey) -> list[bytes]:
    at = draw(st.integers(0, len(notes) - 1))
    checkpoint = Checkpoint.from_note(notes[at])[0]
    text = Checkpoint("example.com/other", checkpoint.size, checkpoint.root).text
    return [*notes[:at], sign_note(text, [key]).data, *notes[at + 1 :]]


HISTORIES = (
    some_missing(1),
    some_missing(2),
    replayed,
    exchanged,
    signed_by_a_stranger,
    signed_badly_under_the_known_key,
    forked_by_the_key,
    of_another_log,
)


@pytest.mark.parametrize("change", HISTORIES)
@FEW
@given(data=st.data())
def test_no_changed_history_verifies_as_intact(copy: Copy, change: Callable[..., list[bytes]], data: Any):
    folder = copy()
    name = data.draw(st.sampled_from(["access", "audit"]))
    notes = notes_of(folder / "trails" / name)
    write_notes(folder / "trails" / name, change(notes, data.draw, open_key(folder / "keys", name)))
    assert judged(folder).verdict == "tampered"


@FEW
@given(data=st.data())
def test_a_stale_checkpoint_put_back_is_tampering(copy: Copy, data: Any):
    folder = copy()
    trail = folder / "trails" / data.draw(st.sampled_from(["access", "audit"]))
    notes = notes_of(trail)
    # One behind is what a crash leaves, and the history, which is checked, still has the last.
    write_notes(trail, notes, notes[data.draw(st.integers(0, len(notes) - 3))])
    assert judged(folder).verdict == "tampered"


@FEW
@given(data=st.data())
def test_history_and_checkpoint_cut_back_together_are_tampering_from_the_second_on(copy: Copy, data: Any):
    folder = copy()
    trail = folder / "trails" / data.draw(st.sampled_from(["access", "audit"]))
    notes = notes_of(trail)
    write_notes(trail, notes[: data.draw(st.integers(1, len(notes) - 2))])
    assert judged(folder).verdict == "tampered"


@FEW
@given(data=st.data())
def test_a_fork_below_what_was_pruned_is_caught_by_what_was_kept(copy: Copy, data: Any):
    folder = copy()
    trail, key = folder / "trails" / "access", open_key(folder / "keys", "access")
    notes = notes_of(trail)
    write_notes(trail, [notes[0], forged(notes[1], data.draw, key), *notes[2:]])
    assert judged(folder).verdict == "intact"
    assert judged(folder, checkpoints=[notes[1]]).verdict == "tampered"


# --- whole trails


def test_a_trail_that_is_gone_is_missed_however_well_its_traces_are_removed(copy: Copy):
    for name in ("access", "audit"):
        folder = copy()
        shutil.rmtree(folder / "trails" / name)
        assert judged(folder).verdict == "tampered"
        for trace in (folder / "keys").glob(f"{name}.*"):
            trace.unlink()
        report = judged(folder)
        assert report.verdict == "tampered"
        assert name in {trail.trail for trail in report.trails}


def test_a_folder_without_any_trail_is_not_intact(copy: Copy):
    folder = copy()
    shutil.rmtree(folder / "trails")
    assert judged(folder).verdict == "unchecked"


def test_one_trail_in_the_place_of_the_other_is_tampering(copy: Copy):
    for name, other in (("access", "audit"), ("audit", "access")):
        folder = copy()
        shutil.rmtree(folder / "trails" / name)
        shutil.copytree(folder / "trails" / other, folder / "trails" / name)
        assert judged(folder).verdict == "tampered"
        for half in ("checkpoint", "checkpoints"):
            folder = copy()
            shutil.copy(folder / "trails" / other / half, folder / "trails" / name / half)
            assert judged(folder).verdict == "tampered"


# --- those who hold the keys


class Insider:
    """The same installation, name and keys, grown by a given number of rounds, in another way or the same."""

    def __init__(self, settled: Any, folder: Path, rounds: int, changed: int = -1) -> None:
        self.data = folder / "data"
        shutil.copytree(settled.data / "keys", self.data / "keys")
        made = type(settled)(self.data)
        for number, (access, audit) in enumerate(((300, 40), (900, 500), (700, 800), (600, 300))[:rounds]):
            made.write("access", access - (number == changed))
            made.write("audit", audit + (number == changed))
            made.sign()
        made.seal()
        made.close()


@pytest.fixture(scope="module")
def kept(settled: Any) -> list[bytes]:
    return [settled.notes(trail)[-1] for trail in ("access", "audit")]


@pytest.mark.parametrize(
    ("rounds", "changed", "word"),
    [(2, -1, "cut off"), (4, 0, "rewritten"), (4, 3, "rewritten"), (3, 2, "cut off")],
)
def test_what_the_holder_of_the_keys_makes_anew_is_caught_by_what_was_kept_and_by_nothing_else(
    settled: Any, tmp_path: Path, kept: list[bytes], rounds: int, changed: int, word: str
):
    """Truncate and sign again, rewrite and sign again, fork, and fork and truncate."""
    made = Insider(settled, tmp_path, rounds, changed)
    # The last round of the original is larger than what is here, so an earlier checkpoint shows a rewriting.
    earlier = [settled.notes(trail)[min(rounds, 4)] for trail in ("access", "audit")]
    alone = judged(made.data)
    assert (alone.verdict, alone.anchored) == ("intact", False)
    assert "NOT anchored" in "\n".join(alone.lines())
    report = judged(made.data, checkpoints=kept if word == "cut off" else earlier)
    assert report.verdict == "tampered"
    assert word in "\n".join(report.lines())


@pytest.mark.parametrize("trail", ["access", "audit"])
@pytest.mark.parametrize(("rounds", "changed"), [(2, -1), (4, 0)])
def test_one_trail_made_anew_contradicts_the_other_without_anything_kept(
    settled: Any, tmp_path: Path, trail: str, rounds: int, changed: int
):
    made = Insider(settled, tmp_path, rounds, changed)
    folder = tmp_path / "mixed"
    shutil.copytree(settled.data, folder)
    shutil.rmtree(folder / "trails" / trail)
    shutil.copytree(made.data / "trails" / trail, folder / "trails" / trail)
    assert judged(folder).verdict == "tampered"


def test_the_writer_does_not_go_on_after_a_rewriting_below_what_it_signed(copy: Copy, settled: Any):
    folder = copy()
    path = folder / "trails" / "audit" / "active-000001"
    with path.open("rb") as file:
        entries = [one for *_, found in whole_frames(file.fileno(), ENTRIES, 2 * ENTRIES) for one in found]
    write_active(path, ENTRIES, [b'{"event.id":"invented"}', *entries[1:]])
    with pytest.raises(LedgerError):
        type(settled)(folder)
