"""C2SP tlog-policy: the verifier's trust file. Which logs, which witnesses, and how many of them. Pure.

log <vkey> [url]
witness <name> <vkey> [url]
group <name> all|any|<k> <member>...
quorum <name|none>
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from sealtrail.ledger.note import COSIGNATURES, Note, VerifyKey, cosigned_at, malformed


class Group(msgspec.Struct, frozen=True):
    """At least `needed` of these members, which are witnesses or groups."""

    needed: int
    members: tuple[str, ...]


class Policy(msgspec.Struct, frozen=True):
    """Keys of logs, keys of witnesses by name, groups by name, and the name that decides."""

    logs: tuple[VerifyKey, ...]
    witnesses: dict[str, VerifyKey]
    groups: dict[str, Group]
    quorum: str = "none"
    urls: dict[str, str] = {}  # of witnesses, by name, where they are given

    @classmethod
    def from_text(cls, text: str) -> Policy:
        """Parse a policy file. Raises LedgerError (ledger.format) with the line at fault."""
        logs: list[VerifyKey] = []
        witnesses: dict[str, VerifyKey] = {}
        groups: dict[str, Group] = {}
        urls: dict[str, str] = {}
        quorum = ""
        for number, row in enumerate(text.splitlines(), 1):
            words = row.split()
            if not words or words[0].startswith("#"):
                continue
            match words:
                case ["log", vkey] | ["log", vkey, _]:
                    logs.append(VerifyKey.from_text(vkey))
                case ["witness", name, vkey, *url] if len(url) < 2 and _free(name, witnesses, groups):
                    witnesses[name] = _witness(vkey, number)
                    urls.update((name, one) for one in url)
                case ["group", name, needed, *members] if members and _free(name, witnesses, groups):
                    if any(member not in witnesses and member not in groups for member in members):
                        raise malformed(f"line {number} of the policy: a member is not defined above it")
                    if len(set(members)) < len(members):
                        raise malformed(f"line {number} of the policy: a member would count twice")
                    groups[name] = Group(_needed(needed, len(members), number), tuple(members))
                case ["quorum", name] if not quorum and (
                    name == "none" or name in witnesses or name in groups
                ):
                    quorum = name
                case _:
                    raise malformed(f"line {number} of the policy cannot be read")
        _check_apart(logs, witnesses)
        return cls(tuple(logs), witnesses, groups, quorum or "none", urls)

    def cosigned(self, note: Note, now: int) -> tuple[bool, list[str]]:
        """(is the quorum there, names of witnesses that signed).

        A cosignature from the future counts for none; `now` is in seconds since 1970. With quorum `none` the
        first is False: nothing was asked for.
        """
        good = [name for name, key in self.witnesses.items() if _signed(note, key, now)]
        return self.met(good), good

    def met(self, names: Iterable[str]) -> bool:
        """Do cosignatures of these witnesses make the quorum?"""
        return self.quorum != "none" and self._met(self.quorum, frozenset(names))

    def _met(self, name: str, good: frozenset[str]) -> bool:
        group = self.groups.get(name)
        if group is None:
            return name in good
        return sum(self._met(member, good) for member in group.members) >= group.needed


def _witness(vkey: str, number: int) -> VerifyKey:
    key = VerifyKey.from_text(vkey)
    if key.type not in COSIGNATURES:
        raise malformed(f"line {number} of the policy: not the key of a witness, but of a log")
    return key


def _check_apart(logs: Iterable[VerifyKey], witnesses: Mapping[str, VerifyKey]) -> None:
    """Whoever holds one key vouches once: two names for it, or a log's own, make no quorum."""
    known = {key.public: "a log" for key in logs}
    for name, key in witnesses.items():
        other = known.setdefault(key.public, name)
        if other != name:
            raise malformed(f"the policy has the key of witness {name} for {other} as well")


def _free(name: str, witnesses: dict[str, VerifyKey], groups: dict[str, Group]) -> bool:
    return name != "none" and name not in witnesses and name not in groups


def _needed(text: str, members: int, number: int) -> int:
    if text in ("all", "any"):
        return members if text == "all" else 1
    if text.isascii() and text.isdigit() and 1 <= int(text) <= members:
        return int(text)
    raise malformed(f"line {number} of the policy: {text!r} of {members} members cannot be")


def _signed(note: Note, key: VerifyKey, now: int) -> bool:
    for line in note.signatures:
        if (line.name, line.key_id) == (key.name, key.id) and key.verifies(note.text, line.payload):
            return key.type not in COSIGNATURES or cosigned_at(line.payload) <= now
    return False
