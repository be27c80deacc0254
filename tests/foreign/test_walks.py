"""An exported log, walked from end to end by verifiers that other people wrote; and each change, refused."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from sealtrail.cli.main import main
from sealtrail.ledger.layout import records, split_records, tile_path
from sealtrail.ledger.merkle import leaf_hashes
from sealtrail.ledger.note import sign_note
from sealtrail.ledger.sign import open_key

WALKERS = ("go", "tlog-scales", "sigstore")
# Full and partial tiles of each level, up to a sealed volume with one of level 2.
SIZES = (1, 2, 255, 256, 257, 513, 65_536, 65_793)


class Exported(NamedTuple):
    """The same trail, exported at each size."""

    logs: dict[int, Path]
    vkey: str

    def question(self, size: int, **more: object) -> dict[str, Any]:
        return {"log": str(self.logs[size]), "key": self.vkey, **more}

    def checkpoint(self, size: int) -> str:
        return (self.logs[size] / "checkpoint").read_text()


def export(data: Path, trail: str, target: Path) -> None:
    ran = CliRunner().invoke(main, ["export", "--data", str(data), "--trail", trail, "--tlog", str(target)])
    assert ran.exit_code == 0, ran.output


@pytest.fixture(scope="module")
def exported(
    foreign: object, writer: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Exported:
    folder, trail = tmp_path_factory.mktemp("exported"), writer("audit")
    logs = {}
    for size in SIZES:
        trail.grow(size)
        logs[size] = folder / str(size)
        export(trail.data, "audit", logs[size])
    return Exported(logs, trail.vkey)


@pytest.mark.parametrize("walker", WALKERS)
def test_every_entry_of_every_size_is_under_the_checkpoint(foreign, exported, walker):
    verdicts = foreign.ask(walker, [exported.question(size) for size in SIZES])
    assert dict(zip(SIZES, verdicts, strict=True)) == dict.fromkeys(SIZES, "")


@pytest.mark.parametrize("walker", ["go", "tlog-scales"])
def test_every_size_continues_those_before_it(foreign, exported, walker):
    pairs = [
        *itertools.pairwise(SIZES),
        *((old, 513) for old in SIZES if old <= 513),
        (1, 65_793),
        (256, 65_793),
    ]
    asked = [exported.question(new, kept=exported.checkpoint(old)) for old, new in pairs]
    assert foreign.ask(walker, asked) == [""] * len(pairs)


def edited(log: Path) -> None:
    """One byte of entry 3."""
    path = log / tile_path(None, 0)
    path.write_bytes(path.read_bytes().replace(b'"n":3}', b'"n":4}', 1))


def swapped(log: Path) -> None:
    """Entries 7 and 8 in each other's place."""
    path = log / tile_path(None, 0)
    entries = split_records(path.read_bytes())
    entries[7], entries[8] = entries[8], entries[7]
    path.write_bytes(records(entries))


def rehashed(log: Path) -> None:
    """An edited entry and the hash that it now has."""
    edited(log)
    entries = split_records((log / tile_path(None, 0)).read_bytes())
    (log / tile_path(0, 0)).write_bytes(b"".join(leaf_hashes(entries)))


def upper_bit(log: Path) -> None:
    """A bit of the upper tile."""
    path = next((log / "tile/1").rglob("2"))
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(data)


def dropped(log: Path) -> None:
    """The last entry, cut out of its bundle."""
    path = log / tile_path(None, 2, 1)
    path.write_bytes(b"")


def root_bit(log: Path) -> None:
    """A bit of the root in the checkpoint."""
    path = log / "checkpoint"
    origin, size, root, *rest = path.read_text().split("\n")
    path.write_text("\n".join([origin, size, ("B" if root[0] == "A" else "A") + root[1:], *rest]))


def signature_bit(log: Path) -> None:
    """A bit of the signature."""
    path = log / "checkpoint"
    text = path.read_text()
    at = len(text) - 20
    path.write_text(text[:at] + ("B" if text[at] == "A" else "A") + text[at + 1 :])


def smaller(log: Path) -> None:
    """The size in the checkpoint."""
    path = log / "checkpoint"
    path.write_text(path.read_text().replace("\n513\n", "\n512\n"))


CHANGES = (edited, swapped, rehashed, upper_bit, dropped, root_bit, signature_bit, smaller)


@pytest.mark.parametrize("walker", WALKERS)
def test_each_change_of_a_log_is_refused(foreign, exported, tmp_path, walker):
    asked = []
    for change in CHANGES:
        log = tmp_path / change.__name__
        shutil.copytree(exported.logs[513], log)
        change(log)
        asked.append({"log": str(log), "key": exported.vkey})
    verdicts = foreign.ask(walker, [exported.question(513), *asked])
    assert verdicts[0] == ""
    assert [change.__name__ for change, said in zip(CHANGES, verdicts[1:], strict=True) if not said] == []


@pytest.mark.parametrize("walker", WALKERS)
def test_a_log_cut_off_under_the_old_checkpoint_is_refused(foreign, exported, tmp_path, walker):
    shutil.copytree(exported.logs[257], tmp_path / "log")
    shutil.copy(exported.logs[513] / "checkpoint", tmp_path / "log" / "checkpoint")
    assert foreign.ask(walker, [{"log": str(tmp_path / "log"), "key": exported.vkey}])[0]


@pytest.mark.parametrize("walker", ["go", "tlog-scales"])
def test_a_log_cut_off_and_signed_again_is_refused_with_a_checkpoint_that_was_kept(foreign, exported, walker):
    shorter = exported.question(257)
    kept = exported.question(257, kept=exported.checkpoint(513))
    said = foreign.ask(walker, [shorter, kept])
    assert said[0] == ""  # what a signature alone does not give
    assert said[1] == "the log has 257 entries, and had 513"


@pytest.mark.parametrize("walker", ["go", "tlog-scales"])
def test_a_rewritten_log_is_refused_with_a_checkpoint_that_was_kept(
    foreign, exported, writer, tmp_path, walker
):
    """Whoever holds the key signs another past; it agrees with itself, and not with what was kept."""
    kept = writer("audit")
    forger = writer("audit", keys=kept.data / "keys", salt="another")
    forger.grow(300)
    export(forger.data, "audit", tmp_path / "rewritten")
    rewritten = {"log": str(tmp_path / "rewritten"), "key": kept.vkey}
    said = foreign.ask(walker, [rewritten, {**rewritten, "kept": kept.grow(200).decode()}])
    assert said[0] == ""
    assert said[1]


@pytest.mark.parametrize("walker", WALKERS)
def test_another_key_and_another_trails_checkpoint_are_refused(foreign, exported, writer, tmp_path, walker):
    stranger, access = writer("audit"), writer("access")
    access.grow(2)
    log, replayed = tmp_path / "access", tmp_path / "replayed"
    export(access.data, "access", log)
    shutil.copytree(exported.logs[2], replayed)
    shutil.copy(log / "checkpoint", replayed / "checkpoint")
    good = {"log": str(log), "key": access.vkey}
    # `replayed` holds the same entries as `access`, so the same root: only its name and its key are others.
    refused = [{**good, "key": stranger.vkey}, {"log": str(replayed), "key": exported.vkey}]
    said = foreign.ask(walker, [good, *refused])
    assert said[0] == ""
    assert all(said[1:])


@pytest.mark.parametrize("walker", ["go", "tlog-scales"])
def test_a_checkpoint_under_another_logs_name_is_refused_though_the_key_is_right(
    foreign, exported, writer, tmp_path, walker
):
    trail = writer("audit")
    trail.grow(2)
    export(trail.data, "audit", tmp_path / "log")
    key = open_key(trail.data / "keys", "audit")
    text = (tmp_path / "log" / "checkpoint").read_bytes().partition(b"\n\n")[0] + b"\n"
    renamed = text.replace(b"/audit\n", b"/access\n")
    (tmp_path / "log" / "checkpoint").write_bytes(sign_note(renamed, [key]).data)
    said = foreign.ask(walker, [{"log": str(tmp_path / "log"), "key": trail.vkey}])
    assert said[0].startswith("this is the checkpoint of ")
