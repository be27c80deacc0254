"""The report as one page that needs nothing else: no script, no font, no request. Pure.

What was recorded comes from strangers. Everything is escaped by the template engine; the page's policy allows
its own style sheet and nothing more; and characters that would turn text around are shown as what they are.
"""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from typing import Any, Final

import jinja2

from sealtrail.comply.framework import MODES
from sealtrail.comply.report import Report
from sealtrail.comply.verdict import MEANINGS, VERDICTS, Verdict
from sealtrail.store.query.times import DAY, from_stamp

SIGNS: Final[dict[Verdict, str]] = {
    "pass": "\N{CHECK MARK}",
    "fail": "\N{MULTIPLICATION X}",
    "no-data": "\N{EMPTY SET}",
    "not-exercised": "\N{EN DASH}",
    "needs-human": "?",
    "not-applicable": "\N{MIDDLE DOT}",
}

# Exceptions that the page of verdicts repeats of each control; all that are written out stand in its section.
HEADLINES: Final = 3

_CONTROL: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


def plain(value: Any) -> str:
    """Text without what a reader cannot see: controls, and marks that turn the direction of writing."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", str(value))


def rendered(report: Report, template: str, style: str) -> bytes:
    """The page. `template` and `style` are those of `library.page`."""
    engine = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=False)
    engine.filters |= {
        "plain": plain,
        "minute": lambda text: f"{text[:10]} {text[11:16]} UTC",
        "second": lambda text: f"{plain(text[:10])} {plain(text[11:19])}",
        "number": lambda value: f"{value:,}",
        "shown": _shown,
    }
    page = engine.from_string(template).render(
        report=report,
        style=style,  # put in as it is: our own file, and the policy holds its digest
        style_hash=b64encode(sha256(style.encode()).digest()).decode(),
        signs=SIGNS,
        meanings=MEANINGS,
        modes=MODES,
        pieces=_pieces(report),
        failed=_failed(report),
        step=_step(report),
        commands=_commands(report),
    )
    return page.encode("utf-8", errors="backslashreplace")


def _shown(value: Any) -> str:
    """A setting as people write it."""
    if isinstance(value, dict):
        return ", ".join(f"{plain(name)} {_shown(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(plain(part) for part in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return plain(value) if value != "" else "none"


def _pieces(report: Report) -> list[dict[str, Any]]:
    """Where each verdict's part of the bar begins, and how long it is."""
    start, pieces = 0, []
    for verdict in VERDICTS:
        count = report.verdicts[verdict]
        if count:
            pieces.append({"verdict": verdict, "start": start, "count": count})
        start += count
    return pieces


def _failed(report: Report) -> list[dict[str, Any]]:
    return [
        {
            "id": control.id,
            "title": control.title,
            "place": place,
            "found": [text for part in control.evidence for text in part.found[:HEADLINES]][:HEADLINES],
        }
        for place, control in enumerate(report.controls, 1)
        if control.verdict == "fail"
    ]


def _step(report: Report) -> str:
    since, until = from_stamp(report.window["from"]), from_stamp(report.window["judged_to"])
    return "week" if since is not None and until is not None and until - since > 35 * DAY else "day"


def _commands(report: Report) -> list[str]:
    """A line for one entry of each trail that has a proof."""
    lines: dict[str, str] = {}
    for control in report.controls:
        for part in control.evidence:
            for sample in part.samples:
                trail = sample.address.partition("/")[0]
                if sample.proof and trail not in lines:
                    lines[trail] = (
                        f"sealtrail verify {sample.proof} --entry {sample.entry} --key keys/{trail}.vkey"
                    )
    return [lines[trail] for trail in sorted(lines)]
