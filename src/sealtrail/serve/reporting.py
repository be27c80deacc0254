"""Making a report: measure, judge, sample, prove, write. One model, from which every file of it comes.

A report stands on the checkpoints it names: the same ones give the same bytes. What is asked of the present
(whether the window is over) is an argument, and nothing else is.
"""

from __future__ import annotations

import io
import os
import re
import time
import zipfile
import zlib
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Final

import msgspec

from sealtrail.collect.own import REPORT
from sealtrail.comply.case import Case, Finding, Terms, Window, micros_of
from sealtrail.comply.checks.coverage import sources
from sealtrail.comply.checks.review import reviewed_days
from sealtrail.comply.evaluate import evaluate
from sealtrail.comply.framework import Framework
from sealtrail.comply.library import find, page
from sealtrail.comply.render import rendered
from sealtrail.comply.report import Head, Report, Sample, Verification, assembled
from sealtrail.comply.sampling import PROVED_EXCEPTIONS, drawn
from sealtrail.errors import QueryError, SealtrailError, UsageError
from sealtrail.event import Fields, Position
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.layout import KEYS_FOLDER, VOLUME_ENTRIES, vkey_name
from sealtrail.ledger.note import base64_text
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.report import Report as Verified
from sealtrail.ledger.verify import verify
from sealtrail.serve.folder import Folder
from sealtrail.serve.measuring import Index, facts, last_sealed
from sealtrail.serve.reading import Reading
from sealtrail.serve.recording import record
from sealtrail.settings import ComplianceSettings, load
from sealtrail.store.query import parse
from sealtrail.store.query.times import DAY, HOUR, micros, span, stamp

# A sample is looked for by its place within its hour. In a fuller hour it is one of the first so many.
MAX_PLACE: Final = 5_000

SIGNED_SECONDS: Final = 15.0  # for the next checkpoint, which comes every few seconds
_LOOK_SECONDS: Final = 0.05

MANIFEST: Final = "manifest-sha256.txt"
MAX_UNPACKED_BYTES: Final = 256 * 1024 * 1024  # of a report from elsewhere: some thousand samples with proofs

_FILE: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,60}(?:/[a-z0-9][a-z0-9.-]{0,60})?", re.ASCII)


class Wanted(msgspec.Struct, frozen=True):
    """What to report on. Times as people write them; a date in `until` is included whole."""

    framework: str
    since: str
    until: str
    entity: str = ""
    checkpoints: tuple[bytes, ...] = ()  # notes that were kept elsewhere


class Made(msgspec.Struct, frozen=True):
    """A report and all its files, by their paths in the folder."""

    report: Report
    files: dict[str, bytes]

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest, which names every other file: it stands for all of them."""
        return sha256(self.files[MANIFEST]).hexdigest()


def make(
    folder: Folder,
    reading: Reading,
    wanted: Wanted,
    *,
    now: datetime,
    seen: Position | None = None,
    workers: int | None = None,
    volume_entries: int = VOLUME_ENTRIES,
) -> Made:
    """The report, in memory. `seen` is detection's position where its engine runs in this process.

    Raises NotFoundError for a framework, QueryError for a time, UsageError for a setting or a window.
    """
    framework = find(wanted.framework)
    settings = load(folder.root).compliance
    present = micros(now)
    since, until = _edges(wanted, present)
    ledger, index = reading.ledger, Index(reading, present)
    verified = verify(
        folder.root, checkpoints=wanted.checkpoints, workers=workers, volume_entries=volume_entries
    )
    as_of = last_sealed(ledger)
    window = Window(since, until, _judged(since, until, present, as_of))
    terms = _terms(framework, settings, present)
    known = facts(folder, ledger, index, verified, as_of, seen=seen)
    judgement = evaluate(framework, index, window, terms, known)
    prover = _Prover(reading)
    seed = sha256(repr([(t.trail, t.size, t.root) for t in verified.trails]).encode()).hexdigest()
    samples = {
        name: prover.samples(f"{seed}/{name}", finding, index, window)
        for name, finding in judgement.findings.items()
    }
    heads = _heads(folder, reading, prover.files)
    case = Case(index, window, terms, known)
    report = assembled(
        framework,
        judgement,
        window,
        terms,
        known,
        entity=wanted.entity or settings.entity,
        generator=f"sealtrail {version('sealtrail')}",
        verification=_verification(verified),
        heads=heads,
        samples=samples,
        days=_days(case) if judgement.records else (),
        sources=_bands(case) if judgement.records else (),
    )
    files = dict(prover.files)
    files["report.json"] = msgspec.json.format(msgspec.json.encode(report.document()), indent=2) + b"\n"
    files["report.html"] = rendered(report, *page())
    files[MANIFEST] = manifest(files)
    return Made(report, files)


def wait_signed(ledger: LedgerReader) -> bool:
    """Wait for a checkpoint over what a writer has put there: an entry without one has no proof in a report.

    False where none came in time; the report then says of each sample why it has no proof.
    """
    sizes, end = ledger.sizes(), time.monotonic() + SIGNED_SECONDS
    try:
        while any(
            Checkpoint.from_note(ledger.checkpoint(trail))[0].size < size for trail, size in sizes.items()
        ):
            if time.monotonic() > end:
                return False
            time.sleep(_LOOK_SECONDS)
    except SealtrailError:
        return False  # verification says what is wrong with a checkpoint
    return True


def manifest(files: dict[str, bytes]) -> bytes:
    """Every file with its digest, as `sha256sum -c` reads it."""
    return "".join(f"{sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files)).encode()


def unpacked(data: bytes) -> dict[str, bytes]:
    """The files of a report that came as an archive, each as its manifest says. Raises UsageError.

    Names are ours or refused: an archive from elsewhere must not write where it likes.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            ours = all(_FILE.fullmatch(one.filename) for one in members)
            small = sum(one.file_size for one in members) <= MAX_UNPACKED_BYTES
            files = {one.filename: archive.read(one) for one in members} if ours and small else {}
    except (ValueError, zipfile.BadZipFile, zlib.error, RuntimeError):
        files = {}
    stated = files.get(MANIFEST)
    rest = {name: content for name, content in files.items() if name != MANIFEST}
    if stated is None or stated != manifest(rest):
        raise UsageError("remote.answer", "what came is no report, or not all of one")
    return files


def need_unused(out: Path) -> None:
    """Raise UsageError unless a folder is new or empty."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError("usage.path", f"{out} is there already", hint="Name a new or an empty folder.")


def write(made: Made, out: Path) -> None:
    """Put the files into a new or an empty folder, the manifest last: a folder with one is whole."""
    need_unused(out)
    try:
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in sorted(made.files, key=lambda name: (name == MANIFEST, name)):
            path = out / name
            path.parent.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(made.files[name])
    except OSError as error:
        raise UsageError("usage.path", f"{out} cannot be written: {error.strerror}") from None


def event(made: Made, by: str) -> Fields:
    """What the audit trail says of a report: for whom, about when, and which bytes it was."""
    report = made.report
    return {
        "event.action": REPORT,
        "event.type": ["access"],
        "user.id": by,
        "sealtrail.report.framework": report.framework["id"],
        "sealtrail.report.from": report.window["from"],
        "sealtrail.report.to": report.window["to"],
        "sealtrail.report.manifest": made.digest,
    }


def report(data: Path, wanted: Wanted, out: Path, by: str) -> tuple[Report, str]:
    """Make a report of a data folder, write it, record it. Gives it, and why it is not recorded, if so."""
    folder = Folder(data)
    folder.check()
    if folder.writer() is not None:
        wait_signed(LedgerReader(folder.root))
    made = make(folder, Reading.open(folder), wanted, now=datetime.now(UTC))
    write(made, out)
    if folder.writer() is None and made.report.verification.verdict != "intact":
        # A start may cut a torn end off and signs what follows: on a folder in question that is for people.
        return made.report, f"the record is {made.report.verification.verdict}, so nothing is written to it"
    try:
        record(folder, event(made, by))
    except (SealtrailError, OSError) as error:
        return made.report, str(error)
    return made.report, ""


def _edges(wanted: Wanted, now: int) -> tuple[int, int]:
    since = span(wanted.since, now).start
    last = span(wanted.until, now)
    # A day that is named as the end is part of the window; a moment is where it ends.
    until = last.end if last.end - last.start == DAY else last.start
    if until <= since:
        raise UsageError(
            "usage.argument",
            f"a window from {wanted.since} to {wanted.until} has no length",
            hint="--to is the last day of the window, or a moment after --from.",
        )
    return since, until


def _judged(since: int, until: int, now: int, as_of: str) -> int:
    """Up to where the window can be judged: a window that is not over, only up to the last entry."""
    if until <= now:
        return until
    return max(since, min(until, (micros_of(as_of) or since) + 1))


def _terms(framework: Framework, settings: ComplianceSettings, now: int) -> Terms:
    data = getattr(settings, framework.data.replace("-", "_"))
    try:
        parse(data, now)
    except QueryError as error:
        raise UsageError(
            "usage.setting", f"[compliance] {framework.data} is no query: {error.what}", hint=error.hint
        ) from None
    return Terms(
        data=data,
        data_setting=framework.data,
        retention=framework.retention,
        services=settings.services,
        silent_hours=settings.silent_hours,
        review_hours=settings.review_hours,
        clock_seconds=settings.clock_seconds,
        admin_roles=settings.admin_roles,
        shared_ids=settings.shared_ids,
        service_provider=settings.service_provider,
    )


class _Prover:
    """Entries with their proofs, each once, as files."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self.files: dict[str, bytes] = {}

    def samples(self, seed: str, finding: Finding, index: Index, window: Window) -> list[Sample]:
        """Some of a check's population, and its exceptions."""
        found = []
        for address in finding.addresses[:PROVED_EXCEPTIONS]:
            trail, _, place = address.rpartition("/")
            found.append(self._sample(trail, int(place), "exception"))
        if finding.sampled and finding.population:
            query = finding.sampled
            periods = index.periods(query, HOUR, window.start, window.judged)
            for start, nth in drawn(seed, periods):
                since, until = max(start, window.start), min(start + HOUR, window.judged)
                rows = index.rows(query, min(nth, MAX_PLACE) + 1, since, until)
                if rows:
                    row = rows[-1]
                    found.append(
                        self._sample(str(row["sealtrail.trail"]), int(row["sealtrail.index"]), "sample")
                    )
        return found

    def _sample(self, trail: str, index: int, why: str) -> Sample:
        address, name = f"{trail}/{index}", f"{trail}-{index}"
        try:
            row = self._reading.entry(trail, index)
        except SealtrailError as error:
            return Sample(address, why, note=error.what)
        fields = row.fields
        entry, proof, note = f"proofs/{name}.json", f"proofs/{name}.tlog-proof", ""
        try:
            if proof not in self.files:
                self.files[proof] = self._reading.ledger.prove(trail, index).encode()
            self.files[entry] = row.data
        except SealtrailError as error:
            entry, proof, note = "", "", error.what
        return Sample(
            address,
            why,
            time=str(fields.get("@timestamp", "")),
            action=str(fields.get("event.action", "")),
            who=str(fields.get("user.id") or fields.get("user.name") or fields.get("user.hash") or ""),
            proof=proof,
            entry=entry,
            note=note,
        )


def _heads(folder: Folder, reading: Reading, files: dict[str, bytes]) -> list[Head]:
    """The checkpoint and the public key of each trail, as files beside the report."""
    heads = []
    for trail in reading.ledger.trails():
        checkpoint, key = f"checkpoints/{trail}.checkpoint", f"{KEYS_FOLDER}/{vkey_name(trail)}"
        try:
            note = reading.ledger.checkpoint(trail)
            stated, _ = Checkpoint.from_note(note)
            files[checkpoint] = note
            files[key] = (folder.keys / vkey_name(trail)).read_bytes()
        except (SealtrailError, OSError):
            files.pop(checkpoint, None)
            heads.append(Head(trail, "", 0, "", "", ""))  # verification says what is wrong with it
            continue
        heads.append(Head(trail, stated.origin, stated.size, base64_text(stated.root), checkpoint, key))
    return heads


def _verification(verified: Verified) -> Verification:
    said = verified.document()
    return Verification(
        verdict=said["verdict"],
        anchored=said["anchored"],
        trails=tuple(said["trails"]),
        notes=tuple(said["notes"]),
    )


def _days(case: Case) -> list[tuple[str, bool]]:
    """Each calendar day of the window, and whether it has a review."""
    reviews = reviewed_days(case)
    return [(name, name in reviews) for name in (stamp(day)[:10] for day in case.window.days())]


def _bands(case: Case) -> list[tuple[str, tuple[int, ...]]]:
    """Records of each source in each step of the window."""
    steps = case.window.steps()
    bands = []
    for name, query in sources(case).items():
        counts = tuple(case.ask.count(query, start, end) for start, end in steps)
        bands.append((name, counts))
    return bands
