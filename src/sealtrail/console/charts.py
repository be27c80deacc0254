"""Charts as numbers for a template: bars that are links. Pure.

A bar says in words what it shows, and the same counts stand in a table below it, so a chart is never the only
way to read something.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from sealtrail.store.query.times import duration, from_stamp, stamp

WIDTH: Final = 1000  # of the drawing's own coordinates; the page scales it
HEIGHT: Final = 120
MAX_BARS: Final = 200  # more are thinner than a pixel on most screens


class Bar(msgspec.Struct, frozen=True):
    """One period: its place in the drawing, and what it stands for."""

    x: float
    y: float
    width: float
    height: float
    start: str
    end: str
    count: int


class Chart(msgspec.Struct, frozen=True):
    """Bars of equal width over one stretch of time, the empty ones left out. `top` is the highest count."""

    bars: list[Bar]
    first: str
    last: str
    top: int
    width: int = WIDTH
    height: int = HEIGHT


def drawn(
    every: str, periods: Sequence[tuple[str, int]], first: int | None = None, last: int | None = None
) -> Chart | None:
    """The chart of what a Finder counted. Without `first` or `last` it begins or ends with the periods."""
    starts = [(start, count) for text, count in periods if (start := from_stamp(text)) is not None]
    if not starts:
        return None
    begin = starts[0][0] if first is None else first
    end = starts[-1][0] if last is None else last
    return histogram(starts, duration(every), begin, end)


def histogram(periods: Sequence[tuple[int, int]], every: int, first: int, last: int) -> Chart | None:
    """(start, count) of periods of `every`, within [first, last); all in microseconds since 1970.

    None where there is nothing to draw, or more periods than can be told apart.
    """
    if not periods or every <= 0:
        return None
    first = min(first, periods[0][0]) // every * every
    last = max(last, periods[-1][0] + every)
    number = -(-(last - first) // every)
    if number > MAX_BARS:
        return None
    top = max(count for _, count in periods)
    wide = WIDTH / number
    bars = []
    for start, count in periods:
        tall = max(2.0, count / top * HEIGHT) if count else 0.0
        bars.append(
            Bar(
                round((start - first) // every * wide, 2),
                round(HEIGHT - tall, 2),
                round(max(1.0, wide - 1.5), 2),
                round(tall, 2),
                stamp(start),
                stamp(start + every),
                count,
            )
        )
    return Chart(bars, stamp(first), stamp(last), top)
