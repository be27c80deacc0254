"""The story of the demo, each chapter measured on what really happened."""

from __future__ import annotations

import random
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sealtrail.demo import secrets_hunt
from sealtrail.demo.client import Client, ordinary
from sealtrail.event import Fields
from sealtrail.event.entry import stamp
from sealtrail.serve.reading import Reading

Say = Callable[[str, str], None]
"""Called with a chapter's name and what was seen in it."""

# Documentation addresses (RFC 5737): nobody's real network, and never the loopback, which is never blocked.
CUSTOMERS: Final = "192.0.2."
ATTACKERS: Final = ("198.51.100.", "203.0.113.")
PATIENCE: Final = 15.0
MAX_GUESSES: Final = 600


@dataclass
class Outcome:
    """What the summary says; seconds are None where the thing did not happen."""

    requests: int = 0
    events: int = 0
    alerts: int = 0
    attacker: str = ""
    walker: str = ""
    seconds_to_alert: float | None = None
    seconds_to_block: float | None = None
    guesses: int = 0
    secrets_planted: int = 0
    secrets_found: list[str] = field(default_factory=list)
    role_change: str = ""
    verify: str = ""
    anchored: bool = False
    tampered: str = ""
    data: str = ""


class Story:
    """Runs against a shop on `port` whose events arrive in `reading`. One story, one instance."""

    def __init__(
        self, port: int, run: str, reading: Callable[[], Reading], settle: Callable[[], bool]
    ) -> None:
        self._port = port
        self._reading = reading
        self._settle = settle
        self._dice = random.Random(run)
        # The folder may hold earlier runs: what the story tells is its own.
        self._since = stamp(datetime.now(UTC))
        self.outcome = Outcome(walker=f"mallory-{run}")
        self.outcome.attacker = self._dice.choice(ATTACKERS) + str(self._dice.randint(1, 254))

    def ordinary_traffic(self, say: Say, visits: int = 40) -> None:
        """Five users at a time, as a small shop has them."""
        names = ["alice", "bob", "carol", "dave", "erin"]
        made = [0] * len(names)

        def person(place: int) -> None:
            dice = random.Random(place)
            own = [n for n in range(1, 201) if n % 6 == place]
            for _ in range(visits // len(names)):
                client = Client(self._port, f"{CUSTOMERS}{place + 10}")
                made[place] += ordinary(client, names[place], dice, own)
                client.close()

        people = [threading.Thread(target=person, args=(place,)) for place in range(len(names))]
        for one in people:
            one.start()
        for one in people:
            one.join()
        self.outcome.requests += sum(made)
        say(
            "ordinary traffic",
            f"{sum(made)} requests by {len(names)} users, a mistyped password now and then",
        )

    def leaks(self, say: Say) -> None:
        """Secrets where careless clients put them; none may reach a file."""
        planted = secrets_hunt.plant(self._dice)
        client = Client(self._port, f"{CUSTOMERS}77")
        for request in planted.requests:
            client.call("GET", request)
        client.bearer(planted.bearer)
        client.call("GET", "/invoices/1")
        client.call("POST", "/login", {"name": planted.password_as_name, "password": planted.password})
        client.close()
        self.outcome.requests += len(planted.requests) + 2
        self.outcome.secrets_planted = len(planted.values)
        self.planted = planted
        say(
            "careless clients",
            f"{len(planted.values)} secrets in query strings, paths, headers and a login form",
        )

    def role_change(self, say: Say) -> None:
        """An administrator makes somebody an admin: the kind of act an auditor asks about."""
        client = Client(self._port, f"{CUSTOMERS}99", "shop-admin/1")
        client.sign_in("root")
        client.call("PUT", "/users/erin/role", {"role": "support"})
        client.close()
        self.outcome.requests += 2
        found = self._await("event.action:user.role.update")
        change = found["sealtrail.change"][0] if found else {}
        self.outcome.role_change = f"{change.get('old')} -> {change.get('new')}" if change else ""
        say("audited act", f"root changed erin's role, {self.outcome.role_change} ({_address(found)})")

    def object_walk(self, say: Say) -> None:
        """A valid user reads one invoice after another: every request is allowed, the pattern is not."""
        client = Client(self._port, f"{CUSTOMERS}66")
        client.sign_in("mallory")
        for number in range(1, 41):
            client.call("GET", f"/invoices/{number}")
        client.close()
        self.outcome.requests += 41
        found = self._await(f'sealtrail.kind:alert and user.id:"{self.outcome.walker}"')
        title = found["rule.name"] if found else "no alert"
        say("object-id walk", f"{self.outcome.walker} read 40 invoices in a row: {title} ({_address(found)})")

    def brute_force(self, say: Say) -> None:
        """Guesses that begin slowly, then rise; measured from the first guess of the rise."""
        client = Client(self._port, self.outcome.attacker, "python-requests/2.31")
        for _ in range(3):
            client.sign_in("alice", _guess(self._dice))
            time.sleep(0.4)
        rise = datetime.now(UTC)
        refused: datetime | None = None
        for self.outcome.guesses in range(1, MAX_GUESSES):
            status, _ = client.call("POST", "/login", {"name": "alice", "password": _guess(self._dice)})
            if status == 403:
                refused = datetime.now(UTC)
                break
            time.sleep(0.01)
        client.close()
        self.outcome.requests += 3 + self.outcome.guesses
        found = self._await(f"sealtrail.kind:alert and client.ip:{self.outcome.attacker}")
        if found:
            alerted = datetime.fromisoformat(found["event.ingested"])
            self.outcome.seconds_to_alert = round((alerted - rise).total_seconds(), 3)
            if refused is not None:
                self.outcome.seconds_to_block = round((refused - alerted).total_seconds(), 3)
        say(
            "brute force",
            f"{self.outcome.attacker}: alert after {_seconds(self.outcome.seconds_to_alert)}, refused "
            f"{_seconds(self.outcome.seconds_to_block)} later, at guess {self.outcome.guesses}",
        )

    def counted(self) -> None:
        self._settle()
        reading = self._reading()
        self.outcome.events = reading.count("*", self._since)
        self.outcome.alerts = reading.count("sealtrail.kind:alert", self._since)

    def _await(self, query: str) -> Fields:
        """The newest event a query finds, waiting for it to arrive; empty when it never does."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            rows = self._reading().search(query, self._since, limit=1)
            if rows:
                return rows[0].fields
            time.sleep(0.05)
        return {}


def tampering(data: Path, verify: Callable[[Path], Any], say: Say) -> str:
    """Change one byte of one entry in a copy, and let `verify` find it. Gives the address it names."""
    from sealtrail.demo.tamper import edit_one_byte

    with tempfile.TemporaryDirectory(prefix="sealtrail-copy-") as scratch:
        copy = Path(scratch) / "data"
        shutil.copytree(data, copy, ignore=shutil.ignore_patterns("store", "state"))
        where = edit_one_byte(copy, b'"sealtrail.change"')
        report = verify(copy)
        named = [f"{t['trail']}/{p['index']}" for t in report["trails"] for p in t["problems"]]
    found = named[0] if named else ""
    verdict = report["verdict"]
    say("one edited byte", f"in {where} of a copy: {verdict}" + (f" at {found}" if found else ""))
    return found if verdict == "tampered" else ""


def _guess(dice: random.Random) -> str:
    return f"{dice.choice(['summer', 'winter', 'boats', 'dragon'])}{dice.randint(1950, 2030)}"


def _address(fields: Fields) -> str:
    return f"{fields['sealtrail.trail']}/{fields['sealtrail.index']}" if fields else "not found"


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.2f} s"
