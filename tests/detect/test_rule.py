from __future__ import annotations

import pytest

from sealtrail.detect.rule import SECOND, holds, span


def test_spans_are_read_in_every_unit() -> None:
    assert [span(t) // SECOND for t in ("30s", "15m", "2h", "1d", "1w", "1M")] == [
        30,
        900,
        7200,
        86400,
        604800,
        2629746,
    ]


@pytest.mark.parametrize(
    "text", ["", "5", "m", "0s", "-1s", "1.5h", "5 m", "1y", "32d", None, 60, "9999999999s", "٣m"]
)
def test_what_is_no_span_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="is "):
        span(text)


def test_comparisons_with_fractions_are_exact() -> None:
    assert not holds("gt", 10, 10.5)
    assert holds("gt", 11, 10.5)
    assert holds("lte", 10, 10)
    assert holds("neq", 10, 10.5)
    assert not holds("eq", 10, 10.5)
    assert holds("lt", 2**53, 2**53 + 2.0)
