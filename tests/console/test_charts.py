from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sealtrail.console.charts import HEIGHT, MAX_BARS, WIDTH, histogram

periods = st.lists(st.tuples(st.integers(0, 150), st.integers(1, 10**9)), min_size=1, max_size=60).map(
    lambda found: sorted({start * 60: count for start, count in found}.items())
)


def test_where_nothing_is_there_is_no_chart():
    assert histogram([], 60, 0, 600) is None


def test_more_bars_than_can_be_told_apart_are_no_chart():
    assert histogram([(0, 1)], 1, 0, MAX_BARS) is not None
    assert histogram([(0, 1)], 1, 0, MAX_BARS + 1) is None


@given(periods, st.integers(0, 9000), st.integers(0, 9000))
def test_every_bar_stands_in_the_drawing_and_none_overlaps_the_next(found, first, last):
    chart = histogram(found, 60, min(first, found[0][0]), max(last, found[-1][0]))
    assert chart is not None
    assert [bar.count for bar in chart.bars] == [count for _, count in found]
    for bar in chart.bars:
        assert 0 <= bar.x <= bar.x + bar.width <= WIDTH + 0.01
        assert 0 <= bar.y <= bar.y + bar.height <= HEIGHT + 0.01
        assert bar.height > 0
    for left, right in zip(chart.bars, chart.bars[1:], strict=False):
        assert left.x + left.width <= right.x + 0.01
    assert max(bar.height for bar in chart.bars) == HEIGHT


def test_a_bar_leads_to_its_own_period():
    chart = histogram([(120_000_000, 3)], 60_000_000, 0, 600_000_000)
    assert chart is not None
    (bar,) = chart.bars
    assert (bar.start, bar.end) == ("1970-01-01T00:02:00.000000Z", "1970-01-01T00:03:00.000000Z")
