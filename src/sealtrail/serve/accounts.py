"""People and keys of the running collector, for pages: a `web.protocols.Accounts`."""

from __future__ import annotations

from sealtrail.accounts.keys import Keys
from sealtrail.accounts.people import People
from sealtrail.event import Fields
from sealtrail.serve.people import recorder
from sealtrail.serve.writing import Collector
from sealtrail.web.protocols import Account


class Admitting:
    """Every change is recorded in the name of `by` before it is made."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._folder = collector.folder.keys

    def all_people(self) -> list[Account]:
        return [Account(one.name, one.role, one.created) for one in People(self._folder).list()]

    def all_keys(self) -> list[Account]:
        return [Account(one.id, one.role, one.created, one.revoked) for one in Keys(self._folder).list()]

    def add(self, by: str, name: str, role: str, password: str) -> None:
        self._people(by).add(name, role, password)

    def set_role(self, by: str, name: str, role: str) -> None:
        self._people(by).set_role(name, role)

    def remove(self, by: str, name: str) -> None:
        self._people(by).remove(name)

    def link(self, by: str, name: str) -> str:
        return self._collector.link(name, by=by)

    def end_sessions(self, by: str, name: str) -> int:
        return self._collector.signing_in.end_sessions(name, by)

    def new_key(self, by: str, role: str) -> tuple[str, str]:
        return self._keys(by).new(role)

    def revoke_key(self, by: str, name: str) -> None:
        self._keys(by).revoke(name)

    def _people(self, by: str) -> People:
        return People(self._folder, recorder(self._say, by))

    def _keys(self, by: str) -> Keys:
        return Keys(self._folder, recorder(self._say, by, "key"))

    def _say(self, fields: Fields) -> None:
        self._collector.pipeline.record(fields).result()
