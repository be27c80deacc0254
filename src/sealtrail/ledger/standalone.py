"""Checks what Sealtrail sealed, without Sealtrail: this file, Python 3.8 or later, and nothing else.

    python3 verify_sealtrail.py LOG         --key KEY [--checkpoint KEPT]...
    python3 verify_sealtrail.py RECEIPT     --key KEY --entry ENTRY [--checkpoint KEPT]...
    python3 verify_sealtrail.py CONSISTENCY --key KEY --checkpoint KEPT

LOG          a folder in the C2SP tlog-tiles form      sealtrail export --trail audit --tlog LOG
RECEIPT      a C2SP .tlog-proof of one entry           sealtrail prove audit/17 -o RECEIPT --with-entry ENTRY
CONSISTENCY  that a log begins with an earlier one     sealtrail prove audit --from KEPT -o CONSISTENCY
KEY          the log's public key, obtained elsewhere  keys/audit.vkey, when the installation was new
             (one of them, where it was changed since: a log that is exported says how it went on)
KEPT         a checkpoint that was kept elsewhere      trails/audit/checkpoint, some day in the past

Exit code: 0 intact, 1 tampered, 2 it could not be checked. Where no KEPT leads to what is checked, "intact"
says that it agrees with itself: whoever holds the signing key can write another past and sign it.

Read it from the top, each part rests on those before: (1) hashes, (2) proofs, (3) Ed25519, (4) notes and
checkpoints, (5) what is checked. It shares no line with the product.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
from pathlib import Path


class Tampered(Exception):
    """Something contradicts what was signed or kept. (What has not the form it must have is a ValueError.)"""


# (1) Hashes: RFC 6962, section 2.1, by its own recursion. A leaf can never be taken for a node.


def leaf_hash(entry: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def middle(size: int) -> int:
    """Where a tree of at least two leaves is divided: the largest power of two below its size."""
    return 1 << (size - 1).bit_length() - 1


def root_of(hashes: list[bytes]) -> bytes:
    """The root over leaves; or over the roots of the full subtrees of one size that they divide into."""
    if len(hashes) < 2:
        return hashes[0] if hashes else hashlib.sha256(b"").digest()
    at = middle(len(hashes))
    return node_hash(root_of(hashes[:at]), root_of(hashes[at:]))


# (2) Proofs: RFC 6962, sections 2.1.1 and 2.1.2, by the recursion they are made with, backwards.


def root_with(index: int, size: int, leaf: bytes, proof: list[bytes]) -> bytes:
    """The root of the tree of `size` entries whose entry `index` is `leaf`, as the proof has it."""
    if not 0 <= index < size or (size == 1) != (not proof):
        raise Tampered(f"the proof is not that of entry {index} in a tree of {size}")
    if size == 1:
        return leaf
    at = middle(size)
    if index < at:
        return node_hash(root_with(index, at, leaf, proof[:-1]), proof[-1])
    return node_hash(proof[-1], root_with(index - at, size - at, leaf, proof[:-1]))


def roots_with(old: int, new: int, proof: list[bytes], kept: bytes | None) -> tuple[bytes, bytes]:
    """Roots of the first `old` and of all `new` entries, 0 < old <= new, as the proof has them.

    `kept` is the root of the first `old`, where it stands for a hash that the proof need not repeat.
    """
    if len(proof) != (kept is None) if old == new else not proof:
        raise Tampered(f"the proof is not one from {old} entries to {new}")
    if old == new:
        return kept or proof[0], kept or proof[0]
    at = middle(new)
    if old <= at:
        first, second = roots_with(old, at, proof[:-1], kept)
        return first, node_hash(second, proof[-1])
    first, second = roots_with(old - at, new - at, proof[:-1], None)
    return node_hash(proof[-1], first), node_hash(proof[-1], second)


# (3) Ed25519: RFC 8032, section 5.1. Points are (X, Y, Z, T) with x = X/Z, y = Y/Z, xy = T/Z. Nothing here is
# secret, so nothing has to take the same time. Strict: a key and a signature have one form each.

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def add(p: tuple[int, ...], q: tuple[int, ...]) -> tuple[int, ...]:
    a, b = (p[1] - p[0]) * (q[1] - q[0]), (p[1] + p[0]) * (q[1] + q[0])
    c, d = 2 * p[3] * q[3] * D, 2 * p[2] * q[2]
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(scalar: int, point: tuple[int, ...]) -> tuple[int, ...]:
    total: tuple[int, ...] = (0, 1, 1, 0)
    while scalar:
        total = add(total, point) if scalar & 1 else total
        point, scalar = add(point, point), scalar >> 1
    return total


def point_of(data: bytes) -> tuple[int, ...]:
    """Decode a point; empty where there is none, or where it is not written in its one way."""
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        return ()
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


def bytes_of(point: tuple[int, ...]) -> bytes:
    z = pow(point[2], P - 2, P)
    return (point[1] * z % P | (point[0] * z % P & 1) << 255).to_bytes(32, "little")


BASE = point_of((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def signs(public: bytes, message: bytes, signature: bytes) -> bool:
    """Is this the signature of `message` by the key `public`? It is where R = sB - kA."""
    key, s = point_of(public), int.from_bytes(signature[32:], "little")
    if not key or len(public) != 32 or len(signature) != 64 or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    minus = (P - key[0], key[1], key[2], P - key[3])
    return bytes_of(add(times(s, BASE), times(k, minus))) == signature[:32]


# (4) Notes and checkpoints: C2SP signed-note, tlog-checkpoint. What could be written in two ways is refused:
# a changed bit could hide in the difference.


def bytes_in(text: str) -> bytes:
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError(f"base64 in another form: {text[:60]!r}")
    return data


def number_in(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20 and str(int(text)) == text):
        raise ValueError(f"not a number: {text[:60]!r}")
    return int(text)


def name_in(text: str) -> str:
    if not text or "+" in text or any(char.isspace() or char < " " for char in text):
        raise ValueError(f"not a name: {text[:60]!r}")
    return text


def hashes_in(rows: list[str]) -> list[bytes]:
    hashes = [bytes_in(row) for row in rows]
    if len(hashes) > 63 or any(len(digest) != 32 for digest in hashes):
        raise ValueError("a proof has at most 63 hashes of 32 bytes")
    return hashes


class Key:
    """NAME+ID+BASE64(0x01 || key). The ID says which key signed, and proves nothing."""

    def __init__(self, text: str) -> None:
        name, _, rest = text.strip().partition("+")
        hint, _, encoded = rest.partition("+")
        data = bytes_in(encoded)
        self.name, self.public = name_in(name), data[1:]
        self.id = hashlib.sha256(name.encode() + b"\n" + data).digest()[:4]
        self.text, self.first, self.last = text.strip(), -1, 2**63  # sizes: took over at, handed over at
        if data[:1] != b"\x01" or len(data) != 33 or self.id.hex() != hint:
            raise ValueError(f"not the public key of a log: {text[:60]!r}")


class Checkpoint:
    """The signed statement that the log `origin` had `size` entries under `root`."""

    def __init__(self, data: bytes) -> None:
        text, _, tail = data.decode().partition("\n\n")
        rows, lines = text.split("\n"), tail.split("\n")
        if len(rows) != 3 or len(lines) < 2 or lines.pop() or len(lines) > 100:
            raise ValueError("a checkpoint has three lines, an empty one, and signatures")
        self.text = (text + "\n").encode()
        self.origin, self.size, self.root = name_in(rows[0]), number_in(rows[1]), bytes_in(rows[2])
        self.signatures = []
        for line in lines:
            name, _, encoded = line[2:].partition(" ")
            signature = bytes_in(encoded)
            if line[:2] != "\u2014 " or len(signature) < 5:
                raise ValueError("a line under the checkpoint is not a signature")
            self.signatures.append((name_in(name), signature[:4], signature[4:]))
        if len(self.root) != 32 or self.size >= 2**63:
            raise ValueError("the checkpoint states what cannot be")

    def demand(self, keys: list[Key]) -> None:
        """A key that may sign this size did, both at a hand-over, and no signature by any of them is bad."""
        found = [(key, line[2]) for line in self.signatures for key in keys if line[:2] == (key.name, key.id)]
        signers = {key.text for key, _ in found if key.first <= self.size <= key.last}
        both = {key.text for key in keys if self.size in (key.first, key.last)}
        if not all(signs(key.public, self.text, signature) for key, signature in found):
            raise Tampered(f"the checkpoint of {self.size} entries: its signature is not good")
        if not signers or not both <= signers:
            raise Tampered(f"the checkpoint of {self.size} entries: no key signed it that is known and may")


# (5) What is checked. Tampered is raised; `open` is what was left unchecked; without either it is intact.


def receipt_in(data: bytes) -> tuple[int, list[bytes], bytes, Checkpoint]:
    """Of a C2SP .tlog-proof: index, hashes, what is in its extra line, and the checkpoint."""
    head, _, note = data.partition(b"\n\n")
    rows, extra = head.decode().split("\n"), b""
    if rows.pop(0) != "c2sp.org/tlog-proof@v1" or not rows:
        raise ValueError("not a .tlog-proof")
    if rows[0].startswith("extra "):
        extra = bytes_in(rows.pop(0)[6:])
    if not rows or not rows[0].startswith("index "):
        raise ValueError("the receipt does not say which entry it is about")
    return number_in(rows[0][6:]), hashes_in(rows[1:]), extra, Checkpoint(note)


class Check:
    """A log, receipt or consistency proof, against the keys that are trusted and what was kept elsewhere."""

    def __init__(self, keys: list[Key], kept: list[Checkpoint]) -> None:
        self.keys, self.kept = keys, kept
        self.open: list[str] = []
        self.handed: list[Checkpoint] = []
        self.anchored = 0

    def signatures(self, new: Checkpoint) -> None:
        """(5a) The log's own key signed the checkpoint, and all that was kept of it."""
        keys = [key for key in self.keys if key.name == new.origin]
        if not keys and {(key.name, key.id) for key in self.keys} & {line[:2] for line in new.signatures}:
            raise Tampered(f"it speaks of {new.origin}, and the key of another log signed it")
        if not keys:
            self.open.append(f"no key of {new.origin} was given: its signature was not checked")
        for kept in [new, *self.kept]:
            if kept.origin != new.origin:
                self.open.append(f"a checkpoint of {kept.origin} was kept, and this is {new.origin}")
            elif keys:
                kept.demand(keys)
        self.kept = [kept for kept in self.kept if kept.origin == new.origin]

    def hand_overs(self, data: bytes) -> None:
        """(5b) From a known key to the next and the one before, by entries that name both, under a checkpoint
        that both signed: the receipts of these entries, each with the entry, an empty line behind each.
        """
        steps: list[tuple[Key, Key, int, Checkpoint]] = []
        parts = data.decode().split("\n\n")
        if parts.pop() or len(parts) % 3:
            raise ValueError("cut short")
        for at in range(0, len(parts), 3):
            index, proof, entry, note = receipt_in(("\n\n".join(parts[at : at + 3]) + "\n").encode())
            said = json.loads(entry)
            old, new = Key(said["sealtrail.key.old"]), Key(said["sealtrail.key.new"])
            if (said["sealtrail.kind"], said["event.action"]) != ("system", "sealtrail.key.rotate"):
                raise Tampered("an entry that is none hands the log over")
            if root_with(index, note.size, leaf_hash(entry), proof) != note.root:
                raise Tampered("the entry that hands the log over is not in it")
            if not old.name == new.name == note.origin or old.id == new.id:
                raise Tampered("a log is handed over to another key of its own")
            if steps and (steps[-1][1].text != old.text or steps[-1][2] >= note.size):
                raise Tampered("one hand-over does not go on from the one before")
            note.demand([old])
            note.demand([new])
            steps.append((old, new, note.size, note))
        known = {key.text: key for key in self.keys}
        for old, new, size, _ in steps:
            if old.text in known:
                known[old.text].last, known.setdefault(new.text, new).first = size, size
        for old, new, size, _ in reversed(steps):
            if new.text in known:
                known[new.text].first, known.setdefault(old.text, old).last = size, size
        self.keys = list(known.values())
        self.handed = [note for old, _, _, note in steps if old.text in known]

    def hold(self, kept: Checkpoint, root: bytes) -> None:
        """(5c) What was kept elsewhere, or handed over, against the root of as many entries here."""
        if kept.root != root:
            what = "handed over" if kept in self.handed else "kept"
            raise Tampered(f"rewritten: its first {kept.size} entries are not those that were {what}")
        self.anchored = max(self.anchored, 0 if kept in self.handed else kept.size)

    def log(self, folder: Path) -> Checkpoint:
        """(5d) Every entry leads to the root that was signed, and every tile is what the entries give."""
        try:
            new = Checkpoint(read(folder / "checkpoint"))
        except ValueError as error:
            raise Tampered(f"its checkpoint: {error}") from None
        try:
            self.hand_overs(read(folder / "handovers") if (folder / "handovers").exists() else b"")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Tampered(f"its handovers: {error!r}") from None
        self.signatures(new)
        for handed in self.handed:  # a retired key, stolen, could sign a shorter log of other entries
            if handed.size > new.size:
                self.open.append(f"cut off, or an export broke off: {handed.size} entries were handed over")
        roots: list[bytes] = []  # of every 256 entries, and of those behind the last 256
        for first in range(0, new.size, 256):
            entries = bundle(folder, first // 256, min(256, new.size - first))
            leaves = [leaf_hash(entry) for entry in entries]
            tile(folder, "0", first // 256, leaves)
            for kept in [*self.handed, *self.kept]:
                if first < kept.size <= first + len(leaves):
                    self.hold(kept, root_of([*roots, root_of(leaves[: kept.size - first])]))
            roots.append(root_of(leaves))
        if root_of(roots) != new.root:
            raise Tampered("its entries do not lead to the root that was signed")
        full, level = roots[: new.size // 256], 1
        while full:
            parts = [full[at : at + 256] for at in range(0, len(full), 256)]
            for number, part in enumerate(parts):
                tile(folder, str(level), number, part)
            full, level = [root_of(part) for part in parts if len(part) == 256], level + 1
        for kept in self.kept:
            if kept.size > new.size:
                raise Tampered(f"cut off: {kept.size} entries were kept, {new.size} are here")
            if kept.size == 0:
                self.hold(kept, root_of([]))
        return new

    def receipt(self, data: bytes, entry: bytes | None) -> Checkpoint:
        """(5e) One entry, its place under the root, and the checkpoint that signs the root."""
        index, proof, _, new = receipt_in(data)
        self.signatures(new)
        if entry is None:
            self.open.append("the entry was not given: nothing is proved of it")
        elif root_with(index, new.size, leaf_hash(entry), proof) != new.root:
            raise Tampered(f"this is not entry {index} of {new.origin}")
        for kept in self.kept:
            if kept.size == new.size:
                self.hold(kept, new.root)
            else:
                self.open.append(f"only a consistency proof leads from {kept.size} entries to {new.size}")
        return new

    def consistency(self, data: bytes) -> Checkpoint:
        """(5f) A log begins with what was kept of it: `old SIZE`, hashes, an empty line, a checkpoint."""
        head, _, note = data.partition(b"\n\n")
        rows, new = head.decode().split("\n"), Checkpoint(note)
        old, proof = number_in(rows[0][4:]), hashes_in(rows[1:])
        self.signatures(new)
        if old > new.size or (not old and proof):
            raise Tampered(f"no log of {new.size} entries begins with {old} like this")
        for kept in self.kept:
            if kept.size != old:
                self.open.append(f"the proof begins at {old} entries, what was kept has {kept.size}")
                continue
            first, second = roots_with(old, new.size, proof, kept.root) if old else (root_of([]), new.root)
            self.hold(kept, first)
            if second != new.root:
                raise Tampered(f"the log does not begin with the {old} entries that were kept")
        if not self.kept:
            self.open.append(f"give the checkpoint of {old} entries that was kept, with --checkpoint")
        return new


def read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(1 << 25)  # a bundle of 256 entries of the largest size is half of that
    except OSError as error:
        raise Tampered(str(error)) from None


def path_of(folder: Path, level: str, number: int, width: int) -> Path:
    """A C2SP tile: number 1234067 is x001/x234/067, and a partial one says its width."""
    name = f"{number % 1000:03d}"
    while number >= 1000:
        number //= 1000
        name = f"x{number % 1000:03d}/{name}"
    return folder / "tile" / level / (name if width == 256 else f"{name}.p/{width}")


def bundle(folder: Path, number: int, width: int) -> list[bytes]:
    """Entries: of each, two bytes that say its length, and the entry itself."""
    path, at = path_of(folder, "entries", number, width), 0
    data, entries = read(path), []
    while at < len(data):
        start, at = at + 2, at + 2 + int.from_bytes(data[at : at + 2], "big")
        entries.append(data[start:at])
    if at != len(data) or len(entries) != width:
        raise Tampered(f"{path} does not hold {width} whole entries")
    return entries


def tile(folder: Path, level: str, number: int, hashes: list[bytes]) -> None:
    path = path_of(folder, level, number, len(hashes))
    if read(path) != b"".join(hashes):
        raise Tampered(f"{path} is not what the entries give")


def check(
    path: Path, keys: list[Key], kept: list[Checkpoint], entry: bytes | None
) -> tuple[Check, Checkpoint]:
    """Raises Tampered, ValueError."""
    found = Check(keys, kept)
    if path.is_dir():
        return found, found.log(path)
    data = read(path)
    if data.startswith(b"c2sp.org/tlog-proof@v1\n"):
        return found, found.receipt(data, entry)
    if data.startswith(b"old "):
        return found, found.consistency(data)
    raise ValueError(f"{path} is no log, receipt or consistency proof")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Check what Sealtrail sealed.", epilog="Read this file for more."
    )
    parser.add_argument("path", type=Path, help="exported log, .tlog-proof or consistency proof")
    parser.add_argument("--key", type=Path, action="append", default=[], help="public key of the log")
    parser.add_argument("--checkpoint", type=Path, action="append", default=[], help="kept elsewhere")
    parser.add_argument("--entry", type=Path, help="the entry that a receipt is about")
    given = parser.parse_args(arguments)
    try:
        keys = [Key(path.read_text("utf-8")) for path in given.key]
        kept = [Checkpoint(path.read_bytes()) for path in given.checkpoint]
        entry = given.entry.read_bytes() if given.entry else None
        found, new = check(given.path, keys, kept, entry)
    except Tampered as error:
        print(f"tampered: {error}")
        return 1
    except (OSError, ValueError) as error:
        print(f"unchecked: {error}")
        return 2
    print("unchecked" if found.open else "intact")
    print(f"  {new.origin}: {new.size} entries, root {base64.b64encode(new.root).decode()}")
    anchored = f"anchored up to {found.anchored}" if found.anchored else ALONE
    print("  " + "\n  ".join([*found.open, anchored]))
    return 2 if found.open else 0


ALONE = "self-consistent, NOT anchored: whoever holds the signing key could have rewritten everything."

if __name__ == "__main__":
    sys.exit(main())
