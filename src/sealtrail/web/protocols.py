"""What doors ask of the house. `serve` answers; no door knows the ledger or the index.

Times of a question are texts as people write them (`2h`, `today`, RFC 3339); empty means open. Everything
here may block on a disk: doors call it from a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, Protocol

import msgspec

from sealtrail.event import Fields
from sealtrail.respond.alerts import Known


class Asked(msgspec.Struct, frozen=True):
    """A question: which events, from when, until when (not included)."""

    query: str = "*"
    since: str = ""
    until: str = ""


class Listed(msgspec.Struct, frozen=True):
    """Events with their address among the fields, newest first, and the bytes of each that are hashed.

    `cursor` goes on after them; empty: no more.
    """

    events: list[Fields]
    entries: list[bytes]
    cursor: str


class Facet(msgspec.Struct, frozen=True):
    """The most frequent values of a field. `late`: there was no time for it, so nothing is said."""

    field: str
    values: list[tuple[Any, int]]
    late: bool = False


class Sealed(msgspec.Struct, frozen=True):
    """One entry: its fields with its address among them, the exact bytes that are hashed, its leaf hash."""

    fields: Fields
    data: bytes
    leaf: bytes


class Anchored(msgspec.Struct, frozen=True):
    """How far a trail is anchored at one place: `size` entries at `at`, the newest checkpoint there.

    `since`: nothing newer could be put there since, and `why`; `diverged`: what is there contradicts the
    trail. Moments are RFC 3339, empty where there is none.
    """

    where: str
    kind: str
    size: int
    at: str
    since: str
    why: str
    diverged: bool


class Cosigned(msgspec.Struct, frozen=True):
    """How far a witness cosigned a trail. `diverged`: it has seen another past of it.

    `since` when it fails (RFC 3339), and `why`; empty where it does not.
    """

    witness: str
    size: int
    since: str
    why: str
    diverged: bool


class Head(msgspec.Struct, frozen=True):
    """One trail: entries [first, size), of which `signed` are under the latest checkpoint, a C2SP note.

    `signed_at`: when that was. `root`: base64. `key`: the public key, a C2SP vkey; empty where there is none.
    `witnessed`: entries under the latest note with the witnesses' quorum; null where none is demanded.
    """

    trail: str
    origin: str
    first: int
    size: int
    signed: int
    signed_at: str
    root: str
    checkpoint: str
    key: str
    anchors: list[Anchored] = []
    witnessed: int | None = None
    witnesses: list[Cosigned] = []


class Block(msgspec.Struct, frozen=True):
    """One block. Times are RFC 3339. `cause`: the alert's id, empty for an operator's block."""

    address: str
    since: str
    until: str
    id: str
    cause: str
    reason: str
    by: str
    simulated: bool


class Vouched(msgspec.Struct, frozen=True):
    """What can be said of an entry's place: whether it is under a checkpoint of `size` that the key signed.

    `no-key`: the proof leads to the checkpoint, and the key that would have signed it is not here.
    """

    verdict: Literal["verified", "unsigned", "no-key", "contradicted"]
    size: int = 0
    why: str = ""


class Finder(Protocol):
    """Answers from the index. Raises QueryError."""

    def page(self, asked: Asked, limit: int, cursor: str = "") -> Listed:
        """Up to `limit` events, newest first, from the beginning or after a cursor."""
        ...

    def count(self, asked: Asked) -> int: ...

    def count_by(self, asked: Asked, field: str, limit: int) -> list[tuple[Any, int]]:
        """(value, events), most frequent first."""
        ...

    def periods(self, asked: Asked, every: str = "") -> tuple[str, list[tuple[str, int]]]:
        """The length of a period, chosen where none is given, and (start, events) of each that has any."""
        ...

    def facets(self, asked: Asked, fields: Sequence[str], limit: int) -> list[Facet]:
        """Counts of several fields, as far as there is time."""
        ...


class Column(msgspec.Struct, frozen=True):
    """A column of an answer: its name, no two alike, and its SQL type."""

    name: str
    type: str


class Selected(msgspec.Struct, frozen=True):
    """What a SELECT gave: rows of JSON values, each as long as there are columns.

    `more` where there are more rows than asked for; `missing` names locks that the machine that ran it lacks.
    """

    columns: list[Column]
    rows: list[list[Any]]
    more: bool
    missing: list[str]


class Selector(Protocol):
    """Runs one foreign SELECT. Raises QueryError, UsageError, and BusyError where others run."""

    def select(
        self, statement: str, *, since: str = "", until: str = "", rows: int = 1000, seconds: float = 30.0
    ) -> Selected: ...


class Evidence(Protocol):
    """Answers from the ledger. Raises NotFoundError, TamperedError."""

    def entry(self, trail: str, index: int) -> Sealed: ...

    def proof(self, trail: str, index: int) -> str:
        """C2SP tlog-proof text, against the latest checkpoint."""
        ...

    def consistency(self, trail: str, old: int, new: int | None) -> bytes:
        """A proof from `old` entries to the checkpoint of `new`, None: to the latest."""
        ...

    def vouch(self, trail: str, index: int) -> Vouched:
        """Whether an entry's proof holds, checked now. Raises NotFoundError where there is no such entry."""
        ...

    def heads(self) -> list[Head]:
        """Each trail: what is in it, and what of it was signed last."""
        ...

    def alone(self) -> tuple[str, str]:
        """That nothing outside this host could contradict the trails, and what to do; else empty."""
        ...

    def rows(self, asked: Asked) -> Iterator[tuple[Fields, bytes]]:
        """All events that match, oldest first, with their exact bytes. Raises QueryError at the first."""
        ...


class Blocker(Protocol):
    """The hand on the lever. `by` is recorded. Raises UsageError for what cannot be blocked."""

    def blocks(self) -> list[Block]:
        """What is refused now, the oldest first."""
        ...

    def block(self, address: str, duration: str, *, reason: str, by: str, alert: str = "") -> Block:
        """`alert`: the id of the alert it answers."""
        ...

    def unblock(self, address: str, *, reason: str, by: str) -> bool:
        """False where the address was not blocked."""
        ...


class Triage(Protocol):
    """The alert book. Raises NotFoundError, and UsageError for what cannot be asked or done."""

    def newest(self, state: str = "", level: str = "", rule: str = "", limit: int = 100) -> Sequence[Known]:
        """The newest alerts, newest first. `state` `active` means not closed; empty texts mean any."""
        ...

    def counts(self) -> dict[str, int]:
        """How many alerts are in each state."""
        ...

    def why(self, identity: str) -> Any:
        """One alert, its rule, and what of it matched in each event."""
        ...

    def act(self, verb: str, identities: Sequence[str], *, by: str, reason: str = "") -> dict[str, list[str]]:
        """`ack`, `close` or `reopen`: {"changed": ids, "unchanged": ids}, once it is durable."""
        ...


class FrameworkTold(msgspec.Struct, frozen=True):
    """One version of one framework, and how many of its controls are judged."""

    id: str
    name: str
    version: str
    controls: int


class Day(msgspec.Struct, frozen=True):
    """One calendar day (UTC): what it held, and its review. Texts are empty where there is none.

    `status`: reviewed, late, missing, open while its time is not up, or before where the record had not
    begun. `own_acts`: the reviewer acted on the record that day.
    """

    day: str
    status: str
    records: int
    alerts: int
    by: str
    signed: str
    note: str
    address: str
    own_acts: bool


class Signed(msgspec.Struct, frozen=True):
    """A review that is on disk: the day, the event that says so, and its address."""

    day: str
    event: Fields
    address: str


class Retained(msgspec.Struct, frozen=True):
    """What of one trail would go: entries [first, end). `held` says why old entries stay; empty: none do.

    `copies` entries are copied first because of legal holds; `holds` has those in force and what each is on.
    """

    trail: str
    days: int
    first: int
    end: int
    volumes: int
    bytes: int
    oldest: str
    newest: str
    held: str
    entries: int
    copies: int = 0
    holds: dict[str, int] = {}


class Held(msgspec.Struct, frozen=True):
    """A legal hold. Times are RFC 3339, empty where open; `released` and what follows are while in force."""

    name: str
    query: str
    trail: str
    since: str
    until: str
    reason: str
    by: str
    ordered: str
    placed: str
    address: str
    released: str = ""
    released_by: str = ""
    released_why: str = ""


class Holder(Protocol):
    """The register of legal holds. Raises NotFoundError, QueryError, UsageError."""

    def holds(self) -> Sequence[Held]: ...

    def hold(
        self,
        name: str,
        reason: str,
        *,
        query: str,
        trail: str,
        since: str,
        until: str,
        ordered: str,
        by: str,
    ) -> Held:
        """Place one. Durable when it returns."""
        ...

    def release(self, name: str, reason: str, *, by: str) -> Held:
        """End one. Durable when it returns."""
        ...


class Complying(Protocol):
    """Measuring and judging. Raises NotFoundError for a framework, QueryError for a time, UsageError."""

    def frameworks(self) -> Sequence[FrameworkTold]: ...

    def report(self, framework: str, since: str, until: str, *, entity: str, by: str, form: str) -> bytes:
        """A report as `json`, `html`, or a `zip` of all its files; recorded before it is given."""
        ...

    def days(self, since: str, until: str) -> Sequence[Day]:
        """Every day from one to another, both included."""
        ...

    def sign(self, day: str, note: str, *, by: str) -> Signed:
        """Sign for a day. Durable when it returns."""
        ...

    def retention(self) -> Sequence[Retained]:
        """What would go now, by trail."""
        ...


class Following(Protocol):
    """What one tail has still to be told. Safe between threads."""

    def take(self) -> tuple[list[tuple[str, Fields, bytes]], int]:
        """(where to go on from, event, its bytes) of what came, oldest first; how many were left out."""
        ...

    @property
    def place(self) -> str:
        """Where to go on from now."""
        ...

    def close(self) -> None:
        """Keep nothing for this reader any longer."""
        ...


Follow = Callable[[str, int, str, Callable[[], None]], Following]
"""query, number of events to begin with, where to go on from (or empty), what to call when something came.

Raises QueryError, and BusyError where too many follow already.
"""


class Tiles(Protocol):
    """A trail as a C2SP tlog-tiles log. Raises NotFoundError for what no checkpoint covers yet."""

    def checkpoint(self, trail: str) -> bytes:
        """The latest signed note."""
        ...

    def key(self, trail: str) -> str:
        """The public key, a C2SP vkey. NotFoundError also where it is not here."""
        ...

    def handovers(self, trail: str) -> bytes:
        """Every hand-over to a new key, oldest first; empty while there was none."""
        ...

    def tile(self, trail: str, path: str) -> bytes:
        """`tile/<L>/<N>[.p/<W>]` or `tile/entries/<N>[.p/<W>]`."""
        ...


class Account(msgspec.Struct, frozen=True):
    """A person by name, or a key by id. Times as in events; `revoked` is empty while a key is good."""

    name: str
    role: str
    created: str
    revoked: str = ""


class Accounts(Protocol):
    """Who may come in. Each change is an event in the name of `by`, durable before it is made.

    Raises UsageError for what cannot be meant, NotFoundError for whom there is not.
    """

    def all_people(self) -> list[Account]: ...

    def all_keys(self) -> list[Account]:
        """Every key ever made, revoked ones too, the oldest first."""
        ...

    def add(self, by: str, name: str, role: str, password: str) -> None: ...

    def set_role(self, by: str, name: str, role: str) -> None: ...

    def remove(self, by: str, name: str) -> None: ...

    def link(self, by: str, name: str) -> str:
        """The whole address of a one-time link."""
        ...

    def end_sessions(self, by: str, name: str) -> int:
        """How many ended."""
        ...

    def new_key(self, by: str, role: str) -> tuple[str, str]:
        """Its id, and the key, which cannot be asked for again."""
        ...

    def revoke_key(self, by: str, name: str) -> None: ...
