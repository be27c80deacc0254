"""Calls by requests: `watch(requests.Session())`, or `session.mount("https://", Adapter())`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import requests
from requests.adapters import HTTPAdapter

from sealtrail.outgoing.hosts import Hosts
from sealtrail.outgoing.urllib3 import watched


class Adapter(HTTPAdapter):
    """An adapter of requests whose connections are watched. `propagate_to` as for httpx."""

    # A pickled adapter makes its pools anew, and knows no more than what requests keeps of one.
    _hosts = Hosts(None)

    def __init__(self, *args: Any, propagate_to: Iterable[str] | None = None, **kwargs: Any) -> None:
        self._hosts = Hosts(propagate_to)
        super().__init__(*args, **kwargs)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        watched(self.poolmanager, self._hosts)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        return watched(super().proxy_manager_for(*args, **kwargs), self._hosts)


def watch(session: requests.Session, *, propagate_to: Iterable[str] | None = None) -> requests.Session:
    """Record what a session sends, through the adapters it has now; returns it.

    A second call changes nothing. Adapters that are not by urllib3, such as those of tests, are left alone.
    Raises UsageError for `propagate_to` that is one text.
    """
    hosts = Hosts(propagate_to)
    for adapter in session.adapters.values():
        if isinstance(adapter, HTTPAdapter) and not isinstance(adapter, Adapter):
            _watch(cast("Any", adapter), hosts)
    return session


def _watch(adapter: Any, hosts: Hosts) -> None:
    watched(adapter.poolmanager, hosts)
    for manager in adapter.proxy_manager.values():
        watched(manager, hosts)
    if "proxy_manager_for" in vars(adapter):
        return
    made = adapter.proxy_manager_for

    def proxy_manager_for(*args: Any, **kwargs: Any) -> Any:
        return watched(made(*args, **kwargs), hosts)

    adapter.proxy_manager_for = proxy_manager_for
