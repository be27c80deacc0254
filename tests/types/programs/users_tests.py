"""What the tests of an application use."""

from __future__ import annotations

import re
from typing import Any, assert_type

import sealtrail
from sealtrail.testing import (
    CapturedEvents,
    assert_event,
    assert_no_event,
    assert_no_secret,
    capture_events,
)


def test_an_act(sealtrail_events: CapturedEvents) -> None:
    sealtrail.audit("invoice.delete")
    event = assert_event(sealtrail_events, "invoice.delete", "success", user_id=re.compile("u"), count=1)
    assert_type(event, dict[str, Any])
    assert_no_event(sealtrail_events, action="invoice.create", fields={"acme.region": "eu"})
    assert_no_secret(sealtrail_events, "hunter2hunter2")
    assert_type(sealtrail_events.faults, list[BaseException])


with capture_events(strict=True) as events:
    assert_type(events[0], dict[str, Any])

assert_event(events, 7)  # E
assert_event(events, "a.b", count="one")  # E
assert_no_secret(events, b"raw")  # E
capture_events("strict")  # E
