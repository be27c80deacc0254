"""A framework as data: which version, which controls, which checks each rests upon. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

import msgspec

Mode = Literal["auto", "hybrid", "partial", "human"]

MODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "auto": "the record alone answers",
        "hybrid": "the record answers a part, a person states the rest",
        "partial": "only the API's part of a wider control is covered",
        "human": "no log can answer",
    }
)


class Control(msgspec.Struct, frozen=True):
    """One control, in our own words. `checks` are ids; `limits` is what the verdict does not cover."""

    id: str
    title: str
    mode: Mode
    checks: tuple[str, ...]
    criterion: str
    limits: str = ""
    provider_only: bool = False  # asked of service providers alone


class Framework(msgspec.Struct, frozen=True):
    """One version of one framework.

    `retention` is days each trail has to reach back; `data` names the setting of [compliance] that finds what
    the framework protects.
    """

    id: str
    name: str
    version: str
    data: str
    retention: Mapping[str, int]
    controls: tuple[Control, ...]
    notes: tuple[str, ...] = ()
    digest: str = ""  # SHA-256 of the pack's text
