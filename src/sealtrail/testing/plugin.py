"""The pytest plugin, which pytest finds by itself: the fixture `sealtrail_events`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from sealtrail.testing.capturing import CapturedEvents

_MARKER: Final = "sealtrail"
_STRICT: Final = "sealtrail_strict"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(
        _STRICT,
        "fail a test with the fixture sealtrail_events where capture swallowed an exception",
        type="bool",
        default=False,
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{_MARKER}(strict): as the setting {_STRICT}, for one test")


@pytest.fixture
def sealtrail_events(request: pytest.FixtureRequest) -> Iterator[CapturedEvents]:
    """The events that this test writes, in place of the spool; see `sealtrail.testing.capture_events`."""
    from sealtrail.testing.capturing import capture_events

    marker = request.node.get_closest_marker(_MARKER)
    strict = bool(request.config.getini(_STRICT))
    if marker is not None:
        strict = bool(marker.kwargs.get("strict", True))
    with capture_events(strict=strict) as events:
        yield events
