"""The settings of a Django project."""

from __future__ import annotations

from typing import Any

from sealtrail.django import SealtrailMiddleware

MIDDLEWARE = [f"{SealtrailMiddleware.__module__}.{SealtrailMiddleware.__qualname__}"]
SEALTRAIL: dict[str, Any] = {"service": "shop", "trusted_proxies": ["10.0.0.0/8"], "scrub": "mask"}

SealtrailMiddleware()  # E
