"""The doors of a running collector: their tables, who may come in, and what is recorded about it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib.metadata import version
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request

from sealtrail.accounts.keys import Keys
from sealtrail.collect.app import Door
from sealtrail.collect.own import EXPORT
from sealtrail.console.alerts import AlertPages
from sealtrail.console.assets import Assets
from sealtrail.console.audit import Audit
from sealtrail.console.blocks import BlockPages
from sealtrail.console.event import EventPage
from sealtrail.console.frame import Frame
from sealtrail.console.home import home_routes
from sealtrail.console.integrity import Integrity
from sealtrail.console.live import Live
from sealtrail.console.overview import Overview
from sealtrail.console.people import People
from sealtrail.console.reports import Reports
from sealtrail.console.reviews import Reviews
from sealtrail.console.search import Search
from sealtrail.console.signing import Signing
from sealtrail.event import Fields
from sealtrail.serve import reads
from sealtrail.serve.accounts import Admitting
from sealtrail.serve.asking import Finding, Responding, Running, Triaging, Vouching
from sealtrail.serve.complying import Compliance as Complying
from sealtrail.serve.complying import Holder
from sealtrail.serve.kept import KeptReports
from sealtrail.serve.metrics import Scrape
from sealtrail.serve.writing import Collector
from sealtrail.web.alerts import Alerts
from sealtrail.web.blocks import Blocking
from sealtrail.web.caller import Caller, Doorkeeper, client_of
from sealtrail.web.compliance import Compliance
from sealtrail.web.cookie import sessions
from sealtrail.web.counting import Counting, Counts
from sealtrail.web.evidence import Proving
from sealtrail.web.export import Exporting
from sealtrail.web.health import health_routes
from sealtrail.web.holds import Holding
from sealtrail.web.metrics import metrics_routes
from sealtrail.web.openapi import openapi_routes
from sealtrail.web.protocols import Asked
from sealtrail.web.proxied import Proxied
from sealtrail.web.routes import Route, application
from sealtrail.web.search import Looking
from sealtrail.web.sql import Selecting
from sealtrail.web.tail import Tailing
from sealtrail.web.threads import Threads
from sealtrail.web.tiles import Tiling

# How much of an answer and in which form: pages of one search are one reading.
_SHOWN: Final = frozenset({"cursor", "form", "limit", "n"})


class Doors:
    """Everything that listens, over one collector. `stopping` says that the server is about to end."""

    def __init__(self, collector: Collector, stopping: Callable[[], bool]) -> None:
        self._collector = collector
        self._stopping = stopping
        self._assets = Assets()
        self._sessions = sessions(collector.signing_in.who)
        self._frame = Frame(self._assets, self._sessions)
        self._requests: Counts = {}

    def routes(self) -> list[Route]:
        """The tables of all doors, one after another."""
        collector, threads, frame = self._collector, Threads(), self._frame
        finder, triage = Finding(collector.reading), Triaging(collector.guard)
        evidence = Vouching(collector.folder, collector.reading, collector.anchors, collector.cosigning)
        blocker = Responding(collector.guard)
        complying, holder = Complying(collector), Holder(collector.holding)
        routes = [
            *Door(collector.pipeline, collector.rejects, collector.settings.intake).routes(),
            *Looking(finder, threads).routes(),
            *Selecting(Running(collector.reading, self._stopping), threads, self._noted).routes(),
            *Proving(evidence, threads).routes(),
            *Exporting(evidence, self._exported).routes(),
            *Blocking(blocker, self._stopping).routes(),
            *Alerts(triage, threads).routes(),
            *Compliance(complying, threads).routes(),
            *Holding(holder, threads).routes(),
            *Tailing(collector.tails.open, threads, self._stopping).routes(),
            *Tiling(evidence, threads).routes(),
            *health_routes(collector.health),
            *metrics_routes(Scrape(collector, self._requests)),
            # The pages for people.
            *home_routes(version("sealtrail")),
            *self._assets.routes(),
            *Signing(frame, collector.signing_in).routes(),
            *Reports(frame, KeptReports(collector), complying, holder, threads).routes(),
            *Reviews(frame, complying, threads).routes(),
            *AlertPages(frame, triage, blocker, threads).routes(),
            *BlockPages(frame, blocker, threads).routes(),
            *Overview(frame, finder, triage, blocker, collector.health, threads).routes(),
            *Search(frame, finder, threads).routes(),
            *EventPage(frame, evidence, threads).routes(),
            *Live(frame, finder, threads).routes(),
            *Audit(frame, finder, threads).routes(),
            *People(frame, Admitting(collector), threads).routes(),
            *Integrity(frame, finder, evidence, collector.checking, collector.health, threads).routes(),
        ]
        return [*routes, *openapi_routes(routes, version("sealtrail"))]

    def app(self) -> Starlette:
        """The ASGI application."""
        keeper = Doorkeeper(Keys(self._collector.folder.keys), self._sessions)
        app = application(self.routes(), keeper, page=self._frame.refusal, noted=self._noted)
        app.add_middleware(Counting, counts=self._requests)
        app.add_middleware(Proxied, addresses=self._collector.proxies)
        return app

    async def _noted(self, request: Request, caller: Caller, route: Route) -> None:
        """Record a reading before its answer goes out."""
        given = {**request.path_params, **getattr(request.state, "given", {})}
        asked = reads.asked({name: value for name, value in given.items() if name not in _SHOWN})
        reading = reads.Reading(caller.signature, caller.role, route.path, client_of(request), asked)
        future = self._collector.reads.note(reading)
        if future is not None:
            await asyncio.wrap_future(future)

    def _exported(self, request: Request, caller: Caller, asked: Asked, count: int | None) -> None:
        """Record an export: durably before it begins, and how much went out when it has ended."""
        words = dict(reads.asked({"query": asked.query, "since": asked.since, "until": asked.until}))
        event: Fields = {
            "event.action": EXPORT,
            "event.category": ["database"],
            "event.type": ["access", "start" if count is None else "end"],
            "user.id": caller.signature,
            "user.roles": [caller.role],
            "sealtrail.details": words if count is None else {**words, "count": count},
        }
        client = client_of(request)
        if client:
            event["client.ip"] = client
        future = self._collector.pipeline.record(event)
        if count is None:
            future.result()
