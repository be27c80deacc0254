"""For the tests of applications: the events that were written, and what may be said of them.

`capture_events` needs no spool and no collector. Under pytest the fixture `sealtrail_events` does the same.
This imports no test runner.
"""

from sealtrail.testing.capturing import CapturedEvents, capture_events
from sealtrail.testing.claims import assert_event, assert_no_event, assert_no_secret

__all__ = ["CapturedEvents", "assert_event", "assert_no_event", "assert_no_secret", "capture_events"]
