"""The checks by id. Each can fail by a fault of its own, and a control rests on the ones its pack names."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sealtrail.comply.case import Check
from sealtrail.comply.checks import attestation, coverage, events, failures, integrity, retention, review

CHECKS: Final[Mapping[str, Check]] = MappingProxyType(
    {
        check.id: check
        for module in (coverage, events, integrity, review, retention, failures, attestation)
        for check in module.CHECKS
    }
)
