from __future__ import annotations

import asyncio

import pytest

from sealtrail.web.caller import NOBODY
from sealtrail.web.health import health_routes


@pytest.mark.parametrize(("ready", "status"), [(True, 200), (False, 503)])
def test_readiness_is_a_status_and_needs_the_right_to_read(ready, status):
    alive, readyz = health_routes(lambda: {"ready": ready})
    assert (alive.path, alive.need) == ("/healthz", "public")
    assert (readyz.path, readyz.need) == ("/readyz", "read")
    answer = asyncio.run(readyz.handle(None, NOBODY))  # type: ignore[arg-type]
    assert answer.status_code == status
