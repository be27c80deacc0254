"""C2SP signed notes: keys, texts and the signatures under them. Pure.

A note is TEXT, a blank line, and lines `— NAME BASE64(key id || signature)`. What is signed is TEXT with its
last line end and without the blank line.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

import msgspec

from sealtrail.errors import LedgerError, TamperedError

ED25519: Final = 0x01
COSIGNATURE_V1: Final = 0x04
ML_DSA_44: Final = 0x06

# Types whose signatures say when they were made, and what witnesses therefore use.
COSIGNATURES: Final = (COSIGNATURE_V1, ML_DSA_44)

# What a note may weigh and carry: both are far above use and keep a hostile one cheap.
MAX_NOTE_BYTES: Final = 1_000_000
MAX_SIGNATURES: Final = 100

_DASH: Final = "\u2014 "
_PUBLIC_BYTES: Final = {ED25519: 32, COSIGNATURE_V1: 32, ML_DSA_44: 1312}
_COSIGNATURE_BYTES: Final = {COSIGNATURE_V1: 8 + 64, ML_DSA_44: 8 + 2420}


def malformed(what: str) -> LedgerError:
    """Bytes do not have the form they must have. Not yet an accusation: the caller knows the file."""
    return LedgerError("ledger.format", what)


def base64_bytes(text: str) -> bytes:
    """Strict base64. Lax decoders accept several texts for the same bytes, so a flipped bit could hide."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (ValueError, binascii.Error):
        raise malformed(f"not base64: {text[:60]!r}") from None
    if base64.b64encode(data).decode() != text:
        raise malformed(f"not canonical base64: {text[:60]!r}")
    return data


def base64_text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def check_name(name: str) -> str:
    """A key name: not empty, no Unicode space, no `+`, no control character. Given back."""
    if not name or "+" in name or any(char.isspace() or ord(char) < 0x20 for char in name):
        raise malformed(f"not a key name: {name[:60]!r}")
    return name


class VerifyKey(msgspec.Struct, frozen=True):
    """A public key as notes know it: a name, a type and the key's bytes. `text` is its vkey form."""

    name: str
    type: int
    public: bytes

    @property
    def id(self) -> bytes:
        """Four bytes that say which key signed: a hint, never a proof."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes((self.type,)) + self.public).digest()[:4]

    @property
    def text(self) -> str:
        """NAME+HEX8(id)+BASE64(type || key)."""
        return f"{self.name}+{self.id.hex()}+{base64_text(bytes((self.type,)) + self.public)}"

    @classmethod
    def from_text(cls, text: str) -> VerifyKey:
        """Parse a vkey. The id inside it must be the key's own."""
        name, plus, rest = text.partition("+")
        key_id, plus2, encoded = rest.partition("+")
        if not plus or not plus2:
            raise malformed("not a public key: expected NAME+ID+KEY")
        data = base64_bytes(encoded)
        if not data:
            raise malformed("the public key is empty")
        key = cls(check_name(name), data[0], data[1:])
        if key.id.hex() != key_id:
            raise malformed(f"the public key of {name[:60]!r} does not have the id it is given with")
        expected = _PUBLIC_BYTES.get(key.type, len(key.public))
        if len(key.public) != expected:
            raise malformed(
                f"the public key of {name[:60]!r} has {len(key.public)} bytes, expected {expected}"
            )
        return key

    def verifies(self, text: bytes, payload: bytes) -> bool:
        """Is `payload` this key's signature of `text`? False as well for types this version cannot check."""
        if self.type == ED25519:
            return self._ed25519(payload, text)
        if len(payload) != _COSIGNATURE_BYTES.get(self.type):
            return False
        try:
            message = cosigned(self, text, cosigned_at(payload))
        except LedgerError:
            return False
        if self.type == COSIGNATURE_V1:
            return self._ed25519(payload[8:], message)
        return self._ml_dsa(payload[8:], message)

    def _ed25519(self, signature: bytes, message: bytes) -> bool:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True

    def _ml_dsa(self, signature: bytes, message: bytes) -> bool:
        from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

        try:
            MLDSA44PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, UnsupportedAlgorithm, ValueError):
            return False
        return True


def cosigned(key: VerifyKey, text: bytes, moment: int) -> bytes:
    """What a witness with this key signs of a checkpoint at `moment`, seconds since 1970.

    Raises LedgerError (ledger.format) for a text that an ML-DSA-44 cosignature cannot speak of.
    """
    return cosigned_bytes(text, moment) if key.type == COSIGNATURE_V1 else subtree_bytes(key, text, moment)


def cosigned_at(payload: bytes) -> int:
    """Seconds since 1970 at which a cosignature says it was made."""
    return int(struct.unpack_from(">Q", payload)[0])


def cosigned_bytes(text: bytes, moment: int) -> bytes:
    """What a cosignature/v1 signs."""
    return b"cosignature/v1\ntime %d\n" % moment + text


def subtree_bytes(key: VerifyKey, text: bytes, moment: int) -> bytes:
    """What an ML-DSA-44 cosignature signs: the whole tree as the subtree [0, size)."""
    origin, digits, encoded = [*text.split(b"\n", 3), b"", b""][:3]
    name, root = key.name.encode(), base64_bytes(encoded.decode("ascii", "replace"))
    size = int(digits) if digits.isdigit() and len(digits) < 20 else 1 << 64
    if not (origin and len(origin) < 256 and len(name) < 256 and size < 1 << 63 and len(root) == 32):
        raise malformed("the text is not a checkpoint that can be cosigned")
    sized = (bytes((len(part),)) + part for part in (name, origin))
    return b"subtree/v1\n\0%s%s%s%s" % (
        next(sized),
        struct.pack(">Q", moment),
        next(sized),
        struct.pack(">QQ", 0, size) + root,
    )


class Signature(msgspec.Struct, frozen=True):
    """One signature line. `payload` is what follows the key id."""

    name: str
    key_id: bytes
    payload: bytes

    @property
    def text(self) -> str:
        """The line, with its end; `from_text` of it gives the same signature."""
        return f"{_DASH}{self.name} {base64_text(self.key_id + self.payload)}\n"

    @classmethod
    def from_text(cls, text: str) -> Signature:
        """Parse a line with its end. Raises LedgerError (ledger.format)."""
        found = _signature(text.removesuffix("\n"))
        if found.text != text:
            raise malformed("a signature line has more than one way to be written")
        return found


class Note(msgspec.Struct, frozen=True):
    """A text, with its last line end, and the signatures that stand under it. Nothing is verified yet."""

    text: bytes
    signatures: tuple[Signature, ...]

    @property
    def data(self) -> bytes:
        """The note as bytes; `from_bytes` of it gives the same note."""
        return self.text + b"\n" + "".join(line.text for line in self.signatures).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Note:
        """Parse a note. Raises LedgerError (ledger.format)."""
        if len(data) > MAX_NOTE_BYTES:
            raise malformed(f"the note has {len(data):,} bytes, the limit is {MAX_NOTE_BYTES:,}")
        try:
            whole = data.decode()
        except UnicodeDecodeError:
            raise malformed("the note is not UTF-8") from None
        if any(ord(char) < 0x20 and char != "\n" for char in whole):
            raise malformed("the note holds a control character")
        text, blank, tail = whole.partition("\n\n")
        if not text or not blank or not tail.endswith("\n"):
            raise malformed("the note is cut short: expected a text, a blank line and signatures")
        lines = tail[:-1].split("\n")
        if len(lines) > MAX_SIGNATURES:
            raise malformed(f"the note has {len(lines)} signatures, the limit is {MAX_SIGNATURES}")
        note = cls(text.encode() + b"\n", tuple(_signature(line) for line in lines))
        if note.data != data:
            raise malformed("the note has more than one way to be written")
        return note


def _signature(line: str) -> Signature:
    dash, name, encoded = line[:2], *[*line[2:].split(" "), ""][:2]
    data = base64_bytes(encoded)
    if dash != _DASH or len(data) <= 4:
        raise malformed("a line under the note is not a signature")
    return Signature(check_name(name), data[:4], data[4:])


class Signer(Protocol):
    """Whoever holds a private key."""

    @property
    def key(self) -> VerifyKey:
        """The public half."""
        ...

    def sign(self, text: bytes) -> bytes:
        """The payload of a signature line for `text`."""
        ...


def sign_note(text: bytes, signers: Sequence[Signer]) -> Note:
    """A note with one signature a signer."""
    if not text.endswith(b"\n") or b"\n\n" in text or text.startswith(b"\n"):
        raise malformed("a note's text ends with a line end and holds no blank line")
    return Note(text, tuple(Signature(s.key.name, s.key.id, s.sign(text)) for s in signers))


def verify_note(note: Note, keys: Iterable[VerifyKey]) -> tuple[VerifyKey, ...]:
    """The known keys whose good signatures the note bears.

    Raises TamperedError for a bad signature by a known key, and where no known key signed. Signatures by
    unknown keys say nothing either way.
    """
    known = {(key.name, key.id): key for key in keys}
    good = []
    for signature in note.signatures:
        key = known.get((signature.name, signature.key_id))
        if key is None:
            continue
        if not key.verifies(note.text, signature.payload):
            raise TamperedError(f"the signature by {key.name} is not good")
        good.append(key)
    if not good:
        raise TamperedError("no known key signed this")
    return tuple(good)
