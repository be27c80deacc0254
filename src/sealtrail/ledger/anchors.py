"""What vouches for a log from outside: kept checkpoints, given keys, witnesses' cosignatures. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from sealtrail.errors import SealtrailError, TamperedError
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.handover import Handover, Keychain
from sealtrail.ledger.note import ED25519, Note, VerifyKey
from sealtrail.ledger.policy import Policy
from sealtrail.ledger.report import Report, TrailReport
from sealtrail.ledger.token import Authority


class Kept:
    """A checkpoint that was kept elsewhere. `used` once a log of its origin was found."""

    def __init__(self, data: bytes) -> None:
        """Raises LedgerError (ledger.format) when it is not one."""
        self.checkpoint, self.note = Checkpoint.from_note(data)
        self.used = False


class Anchors:
    """Everything the verifier was given besides what it verifies."""

    def __init__(
        self,
        checkpoints: Sequence[bytes] = (),
        keys: Sequence[VerifyKey] = (),
        policy: Policy | None = None,
        now: int = 0,
        handovers: Sequence[Handover] = (),
        authorities: Sequence[Authority] = (),
        revoked: Mapping[VerifyKey, int] | None = None,
    ) -> None:
        """`now` in seconds since 1970: cosignatures from the future do not count.

        `handovers`, oldest first, lead from given keys to keys of the same log that were not given.
        `revoked` says up to which size a key counts.
        """
        self.kept = sorted((Kept(data) for data in checkpoints), key=lambda kept: kept.checkpoint.size)
        self.keys = (*keys, *(policy.logs if policy is not None else ()))
        self._policy = policy
        self._now = now
        self._handovers = tuple(handovers)
        self.authorities = tuple(authorities)
        self._revoked = dict(revoked or {})

    def keys_for(self, origin: str) -> tuple[VerifyKey, ...]:
        """Given keys of the log with this origin."""
        return tuple(key for key in self.keys if key.name == origin and key.type == ED25519)

    def chain(self, trusted: Iterable[VerifyKey], handovers: Sequence[Handover] = ()) -> Keychain:
        """Who may sign, by the trusted keys and the hand-overs found with the log, or those given."""
        trusted = tuple(trusted)
        origins = {key.name for key in trusted}
        found = handovers or [one for one in self._handovers if one.old.name in origins]
        return Keychain.of(trusted, found, self._revoked)

    def doubtful(self, note: Note, size: int, chain: Keychain) -> str:
        """Why a checkpoint is no evidence: of the known keys, only revoked ones signed it. Else empty."""
        lines = {(line.name, line.key_id): line.payload for line in note.signatures}
        good = [
            key
            for key in {*chain.keys, *self._revoked}
            if (key.name, key.id) in lines and key.verifies(note.text, lines[key.name, key.id])
        ]
        if not good or any(size <= self._revoked.get(key, size) for key in good):
            return ""
        limit = min(self._revoked[key] for key in good)
        return f"a key signed it that was revoked above {limit:,} entries"

    def check_signature(
        self,
        report: TrailReport,
        checkpoint: Checkpoint,
        note: Note,
        file: str = "",
        handovers: Sequence[Handover] = (),
    ) -> Keychain:
        """Check a checkpoint of a log that comes without its key, by the keys that were given.

        Gives the keys of its origin that are known.
        """
        origin = checkpoint.origin
        signers = {(line.name, line.key_id) for line in note.signatures}
        keys = self.keys_for(origin) or tuple(key for key in self.keys if (key.name, key.id) in signers)
        if not keys:
            given = f" (given: {', '.join(key.name for key in self.keys)})" if self.keys else ""
            report.unchecked(f"no key of {origin} was given{given}: the signature was not checked")
            return Keychain()
        report.key_source = "given"
        chain = self.chain(keys, handovers)
        try:
            chain.check(note, checkpoint.size)
            if keys[0].name != origin:
                report.problem(None, f"{keys[0].name} signed it, and it speaks of {origin}", file)
            # What the next key took over counts, and nobody can tell from this alone whether it did.
            if doubt := self.doubtful(note, checkpoint.size, chain):
                report.unchecked(f"{doubt}: it may be a thief's, and says nothing")
        except TamperedError as error:
            doubt = self.doubtful(note, checkpoint.size, chain)
            if doubt:
                report.unchecked(f"{doubt}: it may be a thief's, and says nothing")
            else:
                report.problem(None, error.what, file)
        return chain if chain.name == origin else Keychain()

    def sizes(self, origin: str) -> list[int]:
        """Sizes of kept checkpoints of this origin."""
        return [kept.checkpoint.size for kept in self.kept if kept.checkpoint.origin == origin]

    def judge(
        self,
        report: TrailReport,
        chain: Keychain,
        root_at: Callable[[int], bytes | None],
        note: Note | None,
        witnessed: Note | None = None,
        *,
        whole: bool = True,
    ) -> None:
        """Hold a log against what was kept of it. `root_at` gives the root at a size, None if it cannot.

        `witnessed` is an earlier checkpoint of the same log, held against it already, which may bear the
        cosignatures that its last one lacks. Not `whole`: there is a proof only, which says nothing of sizes
        beyond its own.
        """
        for kept in self.kept:
            if kept.checkpoint.origin == report.origin:
                kept.used = True
                self._hold(report, kept, chain, root_at, whole=whole)
        if self._policy is None or note is None:
            return
        met, names = self._policy.cosigned(note, self._now)
        if met:
            report.anchored_to = max(report.anchored_to, report.size)
            report.notes.append(f"cosigned by {', '.join(names)}")
            return
        met, earlier = self._policy.cosigned(witnessed, self._now) if witnessed is not None else (False, [])
        if met and witnessed is not None:
            size = min(Checkpoint.from_text(witnessed.text).size, report.size)
            report.anchored_to = max(report.anchored_to, size)
            report.notes.append(f"cosigned by {', '.join(earlier)} up to {size:,}")
            if size < report.size:
                report.notes.append(f"unwitnessed since {size:,}")
        elif self._policy.quorum != "none":
            seen = ", ".join(names) or "none"
            report.unchecked(f"the last checkpoint lacks the witnesses the policy demands (good: {seen})")

    def _hold(
        self,
        report: TrailReport,
        kept: Kept,
        chain: Keychain,
        root_at: Callable[[int], bytes | None],
        *,
        whole: bool,
    ) -> None:
        size = kept.checkpoint.size
        name = f"the kept checkpoint of {size:,} entries"
        doubt = self.doubtful(kept.note, size, chain)
        if chain.spans:
            try:
                chain.check(kept.note, size)
            except TamperedError as error:
                if doubt:
                    report.unchecked(f"{name} says nothing: {doubt}")
                    return
                report.problem(None, f"{name} and this log do not have one key: {error.what}")
                return
        if doubt and (size > report.size or root_at(size) != kept.checkpoint.root):
            report.unchecked(f"{name} does not fit, and says nothing: {doubt}")
            return
        if size > report.size and whole:
            what = f"cut off: {name} was signed, the last checkpoint here covers {report.size:,}"
            if report.followed_by:
                # Who cuts a trail can restore it afterwards: a successor explains nothing.
                what += f"; {report.followed_by} went on from here, without what the original wrote later"
            report.problem(report.size, what)
            return
        root = root_at(size)
        if root is None and not whole:
            report.unchecked(
                f"{name} and the one here, of {report.size:,}, are joined by a consistency proof alone: "
                "`sealtrail prove TRAIL --from SMALLER --to LARGER`"
            )
        elif root is None:
            report.unchecked(f"{name} cannot be compared: its entries are not all there")
        elif root != kept.checkpoint.root:
            since = report.anchored_to
            report.problem(
                since, f"rewritten: {name} had other entries somewhere in {since:,} to {size - 1:,}"
            )
        else:
            report.anchored_to = max(report.anchored_to, size)

    def close(self, report: Report) -> None:
        """Say which of what was given was of no use: silence would pass for a check."""
        for kept in self.kept:
            if not kept.used:
                report.checked = False
                report.notes.append(
                    f"a kept checkpoint of {kept.checkpoint.origin} was given, but no such log is here"
                )


def keep(data: bytes) -> bytes:
    """The bytes of a kept checkpoint, or of the checkpoint inside a kept `.tlog-proof`."""
    from sealtrail.ledger.proof import TlogProof

    try:
        return TlogProof.from_text(data.decode()).checkpoint
    except (UnicodeDecodeError, SealtrailError):
        return data
