"""A collector elsewhere, asked as a folder is: `serve.source.Source` over HTTP."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

import msgspec

from sealtrail.errors import NotFoundError, SealtrailError, UsageError
from sealtrail.event import Fields
from sealtrail.serve.client import Client, Message
from sealtrail.serve.rows import Row
from sealtrail.web.protocols import Selected

if TYPE_CHECKING:
    from sealtrail.comply.report import Report
    from sealtrail.respond.alerts import Known
    from sealtrail.serve.alerting import Why
    from sealtrail.serve.evidence import Proved
    from sealtrail.serve.holding import Wanted as Wanting
    from sealtrail.serve.reporting import Wanted

API: Final = ("api", "v1")
PAGE_ROWS: Final = 1_000  # asked for at a time
REPORT_SECONDS: Final = 1800.0  # for a report: the whole ledger is verified before it
AGAIN_SECONDS: Final = 1.0  # before a tail that broke off is taken up again

_ADDRESS: Final = re.compile(r"([a-z][a-z0-9-]{0,31})/(\d{1,16})", re.ASCII)
_T = TypeVar("_T")


class Elsewhere:
    """Every answer is checked for its shape: one of another version must not look like an empty one."""

    def __init__(self, client: Client) -> None:
        self._client = client

    # --- reading

    def search(self, query: str, since: str, until: str, limit: int, *, raw: bool = False) -> list[Row]:
        rows: list[Row] = []
        cursor = ""
        while len(rows) < limit:
            told = self._get(
                "search",
                q=query,
                since=since,
                until=until,
                limit=min(PAGE_ROWS, limit - len(rows)),
                cursor=cursor,
                form="raw" if raw else "fields",
            )
            if raw:
                rows += [_raw(text) for text in self._as(list[str], told, "entries")]
            else:
                rows += [self._row(fields) for fields in self._as(list[Fields], told, "events")]
            cursor = self._as(str, told, "cursor")
            if not cursor:
                break
        return rows

    def tail(
        self, query: str, limit: int, *, follow: bool, raw: bool, told: Callable[[str], None]
    ) -> Iterator[list[Row]]:
        if not follow:
            yield self.search(query, "", "", limit, raw=raw)[::-1] if limit else []
            return
        place, first, broken = "", limit, False
        while True:
            try:
                for message in self._client.messages(
                    *API, "tail", after=place, q=query, n=first, form="raw" if raw else "fields"
                ):
                    if broken:
                        told("connected again")
                    # Once it is connected: what came before a break is asked for by its place.
                    place, first, broken = message.place, 0, False
                    yield self._rows(message, told, raw=raw)
            except SealtrailError as error:
                if error.code not in {"remote.unreachable", "busy.stopping", "busy.readers"}:
                    raise
                if not broken:
                    told(f"{error.what}; trying again until interrupted")
                broken = True
            time.sleep(AGAIN_SECONDS)

    def _rows(self, message: Message, told: Callable[[str], None], *, raw: bool) -> list[Row]:
        match message.kind:
            case "message" if raw:
                return [_raw(message.data.decode(errors="replace"))]
            case "message":
                return [self._row(self._decoded(message.data, Fields))]
            case "dropped":
                count = self._as(int, self._decoded(message.data, dict[str, Any]), "count")
                told(f"{count:,} events were left out: they came faster than they were read")
            case "end":
                told(f"{self._client.name} ended the tail")
        return []

    def count(self, query: str, since: str, until: str) -> int:
        counts = self._as(
            list[dict[str, Any]], self._get("count", q=query, since=since, until=until), "counts"
        )
        return self._as(int, counts[0] if counts else {}, "count")

    def count_by(self, query: str, field: str, since: str, until: str, limit: int) -> list[tuple[Any, int]]:
        told = self._get("count", q=query, since=since, until=until, by=field, limit=limit)
        return [
            (one.get(field), self._as(int, one, "count"))
            for one in self._as(list[dict[str, Any]], told, "counts")
        ]

    def periods(self, query: str, every: str, since: str, until: str) -> list[tuple[str, int]]:
        told = self._get("count", q=query, since=since, until=until, every=every)
        return [
            (self._as(str, one, "@timestamp"), self._as(int, one, "count"))
            for one in self._as(list[dict[str, Any]], told, "counts")
        ]

    def select(self, statement: str, since: str, until: str, rows: int, seconds: float) -> Selected:
        body = {"statement": statement, "since": since, "until": until, "limit": rows, "timeout": seconds}
        found = self._shaped(self._client.send("POST", *API, "sql", body=body), Selected)
        if any(len(row) != len(found.columns) for row in found.rows):
            self._odd()
        return found

    # --- evidence

    def prove(self, place: str) -> Proved:
        from sealtrail.serve.evidence import Proved

        match = _ADDRESS.fullmatch(place)
        trail, index = (match[1], match[2]) if match is not None else self._address(place)
        proof = self._client.text(*API, "proof", trail, index)
        entry = self._as(str, self._get("events", trail, index), "entry")
        return Proved(f"{trail}/{index}", proof, entry.encode())

    def consistency(self, trail: str, old: int, new: int | None) -> bytes:
        bounds = {"from": old} if new is None else {"from": old, "to": new}
        return self._client.data(*API, "consistency", trail, **bounds)

    def export(self, query: str, since: str, until: str, *, raw: bool) -> Iterator[bytes]:
        form = "raw" if raw else "jsonl"
        return self._client.lines(*API, "export", q=query, since=since, until=until, form=form)

    def export_trail(self, trail: str, target: Path) -> int:  # noqa: ARG002 - the same question as to a folder
        raise UsageError(
            "usage.argument",
            "a whole trail is taken out of a folder",
            hint=f"A monitor walks it over HTTP as well: {self._client.name}/trails/{trail}/checkpoint.",
        )

    def _address(self, identity: str) -> tuple[str, str]:
        quoted = identity.replace("\\", "\\\\").replace('"', '\\"')
        rows = self.search(f'event.id:"{quoted}"', "", "", 1)
        if not rows:
            raise NotFoundError(
                "not-found.entry",
                f"no event has the id {identity[:80]!r}",
                hint="Give TRAIL/INDEX, or an event.id.",
            )
        return rows[0].trail, str(rows[0].index)

    # --- response

    def blocks(self) -> list[dict[str, Any]]:
        return self._as(list[dict[str, Any]], self._get("blocks"), "blocks")

    def block(self, address: str, duration: str, reason: str) -> dict[str, Any]:
        body = {"address": address, "for": duration, "reason": reason}
        return self._shaped(self._client.send("POST", *API, "blocks", body=body), dict[str, Any])

    def unblock(self, address: str, reason: str) -> bool:
        told = self._client.send("DELETE", *API, "blocks", address, reason=reason)
        return self._as(bool, told, "ended")

    def newest(self, state: str, level: str, rule: str, limit: int) -> Sequence[Known]:
        from sealtrail.respond.alerts import Known

        told = self._get("alerts", state=state or "all", level=level, rule=rule, limit=limit)
        return self._as(list[Known], told, "alerts")

    def why(self, identity: str, rules: Sequence[Path]) -> Why:
        from sealtrail.serve.alerting import Why

        if rules:
            raise UsageError(
                "usage.argument", "a collector elsewhere asks the rules it has: --rules is for a folder"
            )
        return self._shaped(self._get("alerts", identity), Why)

    def triage(self, verb: str, identities: Sequence[str], reason: str) -> dict[str, list[str]]:
        body = {"act": verb, "ids": list(identities), "reason": reason}
        return self._shaped(self._client.send("POST", *API, "alerts", body=body), dict[str, list[str]])

    # --- compliance

    def report(self, wanted: Wanted, out: Path) -> tuple[Report, str]:
        from sealtrail.comply.report import Report
        from sealtrail.serve.reporting import Made, need_unused, unpacked, write

        if wanted.checkpoints:
            raise UsageError("usage.argument", "--checkpoint is for the report of a folder")
        need_unused(out)  # before it is made there and recorded
        data = self._client.data(
            *API,
            "reports",
            wanted.framework,
            patience=REPORT_SECONDS,
            **{"from": wanted.since, "to": wanted.until, "entity": wanted.entity, "form": "zip"},
        )
        files = unpacked(data)
        made = Made(self._decoded(files.get("report.json", b""), Report), files)
        write(made, out)
        return made.report, ""

    def days(self, since: str, until: str) -> list[dict[str, Any]]:
        told = self._get("reviews", **{"from": since, "to": until})
        return self._as(list[dict[str, Any]], told, "days")

    def sign(self, day: str, note: str) -> tuple[dict[str, Any], str]:
        told = self._shaped(
            self._client.send("POST", *API, "reviews", body={"day": day, "note": note}), dict[str, Any]
        )
        return self._as(dict[str, Any], told, "event"), self._as(str, told, "address")

    def retention(self) -> list[dict[str, Any]]:
        return self._as(list[dict[str, Any]], self._get("retention"), "trails")

    # --- holds

    def holds(self) -> list[dict[str, Any]]:
        return self._as(list[dict[str, Any]], self._get("holds"), "holds")

    def hold(self, wanted: Wanting) -> dict[str, Any]:
        body = {
            "name": wanted.name,
            "reason": wanted.reason,
            "query": wanted.query,
            "trail": wanted.trail,
            "from": wanted.since,
            "to": wanted.until,
            "ordered": wanted.ordered,
        }
        return self._shaped(self._client.send("POST", *API, "holds", body=body), dict[str, Any])

    def release(self, name: str, reason: str) -> dict[str, Any]:
        told = self._client.send("DELETE", *API, "holds", name, reason=reason)
        return self._shaped(told, dict[str, Any])

    # --- shapes

    def _get(self, *path: str, **parameters: str | int) -> dict[str, Any]:
        return self._shaped(self._client.get(*API, *path, **parameters), dict[str, Any])

    def _row(self, fields: Fields) -> Row:
        trail, index = (
            self._as(str, fields, "sealtrail.trail"),
            self._as(int, fields, "sealtrail.index"),
        )
        return Row(trail, index, fields, b"")

    def _as(self, shape: type[_T], told: dict[str, Any], name: str) -> _T:
        return self._shaped(told.get(name), shape)

    def _decoded(self, data: bytes, shape: type[_T]) -> _T:
        try:
            return msgspec.json.decode(data, type=shape)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            self._odd()

    def _shaped(self, told: Any, shape: type[_T]) -> _T:
        try:
            return msgspec.convert(told, shape)
        except msgspec.MsgspecError:
            self._odd()

    def _odd(self) -> NoReturn:
        raise UsageError(
            "remote.answer",
            f"{self._client.name} answered in a form that this version does not know",
            hint="Is the collector of the same version?",
        )


def _raw(text: str) -> Row:
    """A row of which only the bytes are known."""
    return Row("", 0, {}, text.encode())
