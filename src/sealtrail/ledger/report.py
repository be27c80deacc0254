"""What verification found: facts, problems, and one verdict. Pure."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Verdict = Literal["intact", "tampered", "unchecked"]

EXIT_CODES: dict[Verdict, int] = {"intact": 0, "tampered": 1, "unchecked": 2}

# A volume that was overwritten gives thousands of problems that all say the same.
MAX_PROBLEMS = 100

NOT_ANCHORED = (
    "self-consistent, NOT anchored: no checkpoint kept elsewhere vouches for it. Whoever holds the "
    "signing key could have rewritten everything. Give a checkpoint that was kept elsewhere (--checkpoint), "
    "or a policy with witnesses (--policy). To have some: `sealtrail serve --anchor-to FOLDER|URL`, a "
    "timestamp authority, `sealtrail witness add`; see docs/how-to/anchor.md."
)


def counted(number: int, noun: str) -> str:
    """A number and its noun, as people write them: `1 entry`, `2,000 entries`."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


class Problem(msgspec.Struct, frozen=True):
    """One contradiction. `index` is the first entry concerned, None for a file that concerns all of them."""

    index: int | None
    what: str
    place: str


class TrailReport(msgspec.Struct):
    """What was found in one trail."""

    trail: str
    origin: str = ""
    size: int = 0  # entries under the last checkpoint
    root: str = ""  # base64 of the root it signs
    first: int = 0  # first entry that pruning left
    uncommitted: int = 0  # entries behind the last checkpoint
    torn: int = 0  # bytes behind the last whole entry
    checkpoints: int = 0  # signed statements in the history
    key_source: Literal["given", "folder", "none"] = "none"
    anchored_to: int = 0  # entries that something outside the folder vouches for
    timestamped_to: int = 0  # entries under the newest checkpoint that a given authority vouches for
    existed_by: str = ""  # the moment at which they existed at the latest, by that authority
    follows: str = ""  # the trail it goes on from, after a restore
    followed_by: str = ""  # the trail that goes on from it
    proved: int | None = None  # the one entry a proof is about
    begins: int | None = None  # entries that a consistency proof says it begins with
    problems: list[Problem] = []
    notes: list[str] = []
    checked: bool = True

    def problem(self, index: int | None, what: str, file: str = "") -> None:
        """Record a contradiction at an entry, or in a file when `file` is given."""
        place = file or (self.trail if index is None else f"{self.trail}/{index}")
        found = Problem(index, what, place)
        if len(self.problems) < MAX_PROBLEMS and found not in self.problems:
            self.problems.append(found)

    def unchecked(self, why: str) -> None:
        """Record what could not be checked."""
        self.checked = False
        self.notes.append(why)


class Report(msgspec.Struct):
    """The whole finding."""

    trails: list[TrailReport]
    notes: list[str] = []
    checked: bool = True

    @property
    def verdict(self) -> Verdict:
        """Tampered when anything contradicts, else unchecked when anything was left open, else intact."""
        if any(trail.problems for trail in self.trails):
            return "tampered"
        whole = self.checked and bool(self.trails) and all(trail.checked for trail in self.trails)
        return "intact" if whole else "unchecked"

    @property
    def anchored(self) -> bool:
        """Does something from outside the folder vouch for every trail that has entries?"""
        full = [trail for trail in self.trails if trail.size]
        return bool(full) and all(trail.anchored_to for trail in full)

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.verdict]

    def document(self) -> dict[str, Any]:
        """The JSON form: verdict, anchored, trails with their problems, and the facts beside them."""
        trails = [
            {key: value for key, value in msgspec.to_builtins(trail).items() if key != "checked"}
            for trail in self.trails
        ]
        notes = list(self.notes)
        if not self.anchored and self.verdict != "tampered":
            notes.append(NOT_ANCHORED)
        return {"verdict": self.verdict, "anchored": self.anchored, "trails": trails, "notes": notes}

    def lines(self) -> list[str]:
        """The finding for people; the verdict comes first."""
        problems = [(trail, problem) for trail in self.trails for problem in trail.problems]
        if problems:
            head = [f"tampered at {problem.place}: {problem.what}" for _, problem in problems]
        else:
            head = [self.verdict]
        for trail in self.trails:
            facts = [f"{counted(trail.size, 'entry')} under {counted(trail.checkpoints, 'checkpoint')}"]
            if trail.proved is not None:
                facts = [f"entry {trail.proved:,} is one of the {trail.size:,} under a checkpoint"]
            if trail.begins is not None:
                facts = [f"a proof that the log of {trail.size:,} entries begins with {trail.begins:,}"]
            if trail.uncommitted:
                facts.append(f"{trail.uncommitted:,} uncommitted (not signed yet)")
            if trail.torn:
                facts.append(f"{trail.torn:,} torn bytes behind them")
            if trail.first:
                facts.append(f"entries below {trail.first:,} pruned")
            if trail.anchored_to:
                facts.append(f"anchored up to {trail.anchored_to:,}")
            if trail.existed_by:
                facts.append(f"{trail.timestamped_to:,} existed no later than {trail.existed_by}")
            head.append(f"  {trail.trail}: " + ", ".join(facts))
            head.extend(f"  {trail.trail}: {note}" for note in trail.notes)
        head.extend(f"  {note}" for note in self.document()["notes"])
        return head
