"""RFC 3161 tokens over a checkpoint: who has one knows that the checkpoint existed no later than it says.

What is timestamped is the checkpoint's text, the three lines that its signature covers: cosignatures that are
added later change nothing. A token is kept as its authority answered, the whole `TimeStampResp` in DER, so
`openssl ts -verify -in TOKEN -data TEXT -CAfile ROOT` says the same as this. Everything read is hostile.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from sealtrail.errors import LedgerError, TamperedError, UsageError
from sealtrail.event.entry import stamp
from sealtrail.ledger.note import malformed

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

# A token with the certificates of a long chain has a tenth of this.
MAX_TOKEN_BYTES: Final = 65_536

_HASHES: Final = {
    "2.16.840.1.101.3.4.2.1": hashlib.sha256,
    "2.16.840.1.101.3.4.2.2": hashlib.sha384,
    "2.16.840.1.101.3.4.2.3": hashlib.sha512,
}


class Authority:
    """A timestamp authority as it is trusted: the root of its certificate, and what lies between."""

    def __init__(self, pem: bytes, name: str = "") -> None:
        """`pem` holds certificates, one of them at least a root. Raises UsageError."""
        from cryptography.x509 import load_pem_x509_certificates

        self.name = name
        try:
            found = load_pem_x509_certificates(pem)
        except ValueError:
            found = []
        self._roots = [one for one in found if one.issuer == one.subject]
        self._others = [one for one in found if one.issuer != one.subject and not _stamps(one)]
        self._leaves = [one for one in found if one.issuer != one.subject and _stamps(one)]
        if not self._roots:
            raise UsageError(
                "usage.path",
                f"{name or 'the file'} holds no root certificate of a timestamp authority",
                hint="Give the PEM file of the authority's root, and what lies between in the same file.",
            )

    def check(self, token: Token, text: bytes, nonce: int | None = None) -> None:
        """Raise TamperedError unless this authority made the token, over this text."""
        from rfc3161_client import VerificationError, VerifierBuilder

        token.check(text)
        why = "no certificate fits"
        leaves: list[Certificate | None] = [*self._leaves]
        for leaf in leaves or [None]:
            verifier = VerifierBuilder(
                tsa_certificate=leaf, intermediates=list(self._others), roots=list(self._roots), nonce=nonce
            ).build()
            try:
                verifier.verify_message(token.response, text)
            except (VerificationError, ValueError) as error:
                why = str(error).partition(": ErrorStack")[0]
            else:
                return
        raise TamperedError(f"the timestamp was not made by {self.name or 'that authority'}: {why}")


class Token:
    """One token, read; nothing of it is verified. `moment` is RFC 3339."""

    def __init__(self, data: bytes) -> None:
        """Raises LedgerError (ledger.format)."""
        from rfc3161_client import decode_timestamp_response

        if len(data) > MAX_TOKEN_BYTES:
            raise malformed(f"a timestamp of more than {MAX_TOKEN_BYTES:,} bytes")
        try:
            self.response: Any = decode_timestamp_response(data)
            info = self.response.tst_info
            self._hash = _HASHES.get(info.message_imprint.hash_algorithm.dotted_string)
            self._digest = bytes(info.message_imprint.message)
            made: datetime = info.gen_time
        except (ValueError, OverflowError) as error:
            raise malformed(f"not a timestamp that can be read: {error}"[:300]) from None
        self.data = data
        self.made = made.astimezone(UTC)
        self.moment = stamp(self.made)

    def check(self, text: bytes) -> None:
        """Raise TamperedError unless it is over this text."""
        if self._hash is None:
            raise TamperedError("the timestamp is over a hash that is not known here")
        if self._hash(text).digest() != self._digest:
            raise TamperedError("the timestamp is over another checkpoint")


class Asking(msgspec.Struct, frozen=True):
    """A request for a token over a text. `data` is the `TimeStampReq` in DER."""

    data: bytes
    nonce: int

    @classmethod
    def over(cls, text: bytes) -> Asking:
        from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

        made = (
            TimestampRequestBuilder()
            .data(text)
            .hash_algorithm(HashAlgorithm.SHA256)
            .nonce(nonce=True)
            .cert_request(cert_request=True)
            .build()
        )
        assert made.nonce is not None
        return cls(made.as_bytes(), made.nonce)


def stamped_by(authorities: Sequence[Authority], token: Token, text: bytes) -> Authority:
    """The authority that made a token over this text. Raises TamperedError where it is none of these."""
    why: LedgerError | None = None
    for one in authorities:
        try:
            one.check(token, text)
        except TamperedError as error:
            why = error
        else:
            return one
    raise why or TamperedError("no authority was given")


def _stamps(certificate: Certificate) -> bool:
    """Is this the certificate of a timestamp authority itself?"""
    from cryptography.x509 import ExtendedKeyUsage, ExtensionNotFound
    from cryptography.x509.oid import ExtendedKeyUsageOID

    try:
        usage = certificate.extensions.get_extension_for_class(ExtendedKeyUsage).value
    except (ExtensionNotFound, ValueError):
        return False
    return ExtendedKeyUsageOID.TIME_STAMPING in usage
