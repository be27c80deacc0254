"""Roles and what each may do; the same for a key and for a person. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

Right = Literal[
    "send",
    "send-reserved",
    "enforce",
    "witness",
    "read",
    "prove",
    "export",
    "respond",
    "review",
    "hold",
    "keys",
]
"""What can be done through a door.

`send-reserved`: write alerts, system events and operators' acts. `enforce`: ask which addresses are refused.
`witness`: ask for checkpoints, public keys and hashes, which say that nothing was changed and nothing else.
"""

_LOOK: Final = frozenset[Right]({"enforce", "witness", "read"})

ROLES: Final[Mapping[str, frozenset[Right]]] = MappingProxyType(
    {
        # An ingest key sits in an application's configuration: it can add events, refuse whom the collector
        # refuses, and hold the collector to what it signed. It sees no event.
        "ingest": frozenset({"send", "enforce", "witness"}),
        "viewer": _LOOK,
        "analyst": _LOOK | {"prove", "export", "respond"},
        "auditor": _LOOK | {"prove", "export", "review", "hold"},
        "admin": _LOOK | {"send", "send-reserved", "prove", "export", "respond", "review", "hold", "keys"},
    }
)
