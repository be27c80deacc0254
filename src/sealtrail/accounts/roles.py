"""Roles and what each may do; the same for a key and for a person. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

Right = Literal["send", "send-reserved", "read", "prove", "export", "respond", "review", "hold", "keys"]
"""What can be done through a door. `send-reserved`: write alerts, system events and operators' acts."""

ROLES: Final[Mapping[str, frozenset[Right]]] = MappingProxyType(
    {
        # An ingest key sits in an application's configuration: it can add events and see nothing.
        "ingest": frozenset({"send"}),
        "viewer": frozenset({"read"}),
        "analyst": frozenset({"read", "prove", "export", "respond"}),
        "auditor": frozenset({"read", "prove", "export", "review", "hold"}),
        "admin": frozenset(
            {"send", "send-reserved", "read", "prove", "export", "respond", "review", "hold", "keys"}
        ),
    }
)
