"""Which hosts are told of the trace. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from sealtrail.errors import UsageError


class Hosts:
    """Hosts by name, `*.example.com` for all below one; None stands for every host."""

    __slots__ = ("_below", "_exact")

    def __init__(self, names: Iterable[str] | None) -> None:
        self._exact: frozenset[str] | None = None
        self._below: tuple[str, ...] = ()
        if names is None:
            return
        if isinstance(names, str | bytes):
            raise UsageError(
                "usage.argument",
                "propagate_to is one text, where names of hosts belong",
                hint='Write a list: propagate_to=["api.example.com", "*.internal.example.com"].',
            )
        plain = [_plain(name) for name in names]
        self._exact = frozenset(name for name in plain if not name.startswith("*."))
        self._below = tuple(name[1:] for name in plain if name.startswith("*."))

    def __contains__(self, host: str) -> bool:
        if self._exact is None:
            return True
        name = _plain(host)
        return name in self._exact or name.endswith(self._below)


def _plain(host: str) -> str:
    """A host by the one name it has in both cases, with the dot of the root or without, bracketed or not."""
    return host.strip().lower().rstrip(".").strip("[]")
