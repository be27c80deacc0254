"""Puts the demo on its stage: collector, shop, clients, and the copy that gets tampered with."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from pathlib import Path

from sealtrail.collect.pipeline import Pipeline
from sealtrail.demo.secrets_hunt import hunt
from sealtrail.demo.server import Framework, ShopServer, need_extra
from sealtrail.demo.story import Outcome, Say, Story, tampering
from sealtrail.ledger.verify import verify
from sealtrail.serve.running import Served


def run(
    data: Path,
    port: int,
    say: Say,
    afterwards: Callable[[Served, int], None] | None = None,
    *,
    framework: Framework = "flask",
) -> Outcome:
    """The whole story, in `data`. With `afterwards` server and shop stay up until it returns."""
    need_extra(framework)
    name = secrets.token_hex(3)
    spool = data / "spool"
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with Served(data, port=port, spools=[spool]) as served:
        end = served.in_background()
        try:
            with ShopServer(spool, data / "shop.log", framework=framework, run=name) as shop:
                say(
                    "set-up",
                    f"shop at http://127.0.0.1:{shop.port}, collector at {served.url}, data in {data}",
                )
                story = Story(shop.port, name, lambda: served.collector.reading, served.collector.settle)
                for chapter in (
                    story.ordinary_traffic,
                    story.leaks,
                    story.role_change,
                    story.object_walk,
                    story.brute_force,
                ):
                    chapter(say)
                story.counted()
                outcome = story.outcome
                outcome.data = str(data)
                if afterwards is not None:
                    _wait_for_signature(served.collector.pipeline)
                    _prove(data, story, say)
                    afterwards(served, shop.port)
        finally:
            end()
    if afterwards is None:
        _prove(data, story, say)
    return outcome


def _prove(data: Path, story: Story, say: Say) -> None:
    """Look for the planted secrets in everything that was written, then verify, tamper and verify again."""
    outcome = story.outcome
    outcome.secrets_found = hunt(story.planted.values, [data])
    found = "in no file" if not outcome.secrets_found else "FOUND: " + ", ".join(outcome.secrets_found[:3])
    say("looking for them", f"{outcome.secrets_planted} planted secrets, in every encoding: {found}")
    report = verify(data)
    outcome.verify, outcome.anchored = report.verdict, report.anchored
    entries = sum(trail.size for trail in report.trails)
    how = "anchored" if report.anchored else "self-consistent, NOT anchored: no checkpoint is kept elsewhere"
    say("verify", f"{report.verdict} ({entries:,} entries in {len(report.trails)} trails; {how})")
    outcome.tampered = tampering(data, lambda path: verify(path).document(), say)


def _wait_for_signature(pipeline: Pipeline, seconds: float = 15.0) -> None:
    """While the collector runs, the latest entries wait for the next checkpoint."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if all(pipeline.published(trail) == size for trail, size in pipeline.heads().items()):
            return
        time.sleep(0.05)
