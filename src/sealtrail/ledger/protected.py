"""A private key at rest under a passphrase: PKCS #8, which OpenSSL reads. Pure but for randomness.

The first line is the public key (vkey), so that the file says whose it is without the passphrase; tools that
read PEM pass over it. Then `ENCRYPTED PRIVATE KEY`: PBES2 (RFC 8018) with scrypt (RFC 7914) and AES-256-CBC.
`openssl pkey -in audit.key -passin file:...` opens it. A wrong passphrase is known by the padding in most
cases, and in all of them by the public key.
"""

from __future__ import annotations

import base64
import secrets
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from sealtrail.ledger.note import malformed

BEGIN: Final = "-----BEGIN ENCRYPTED PRIVATE KEY-----"
_END: Final = "-----END ENCRYPTED PRIVATE KEY-----"

# A guess costs 16 MiB and a quarter of a second; OpenSSL refuses what takes more than 32 MiB.
SCRYPT_N: Final = 2**14
SCRYPT_R: Final = 8
SCRYPT_P: Final = 5

_BLOCK: Final = 16
_COLUMNS: Final = 64

# DER of the object identifiers id-PBES2, id-scrypt and aes256-CBC.
_PBES2: Final = bytes.fromhex("06092a864886f70d01050d")
_SCRYPT: Final = bytes.fromhex("06092b06010401da47040b")
_AES256_CBC: Final = bytes.fromhex("060960864801650304012a")

_INTEGER, _OCTETS, _SEQUENCE = 0x02, 0x04, 0x30


def lock(vkey: str, key: Ed25519PrivateKey, passphrase: bytes) -> str:
    """The file for a private key: the vkey, and the key under the passphrase."""
    salt, vector = secrets.token_bytes(16), secrets.token_bytes(_BLOCK)
    secret = Scrypt(salt, 32, SCRYPT_N, SCRYPT_R, SCRYPT_P).derive(passphrase)
    plain = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    fill = _BLOCK - len(plain) % _BLOCK
    cipher = Cipher(AES256(secret), CBC(vector)).encryptor()
    sealed = cipher.update(plain + bytes([fill]) * fill) + cipher.finalize()
    costs = [_integer(n) for n in (SCRYPT_N, SCRYPT_R, SCRYPT_P, 32)]
    derivation = _tlv(_SEQUENCE, _SCRYPT, _tlv(_SEQUENCE, _tlv(_OCTETS, salt), *costs))
    scheme = _tlv(_SEQUENCE, _AES256_CBC, _tlv(_OCTETS, vector))
    algorithm = _tlv(_SEQUENCE, _PBES2, _tlv(_SEQUENCE, derivation, scheme))
    text = base64.b64encode(_tlv(_SEQUENCE, algorithm, _tlv(_OCTETS, sealed))).decode()
    rows = [text[at : at + _COLUMNS] for at in range(0, len(text), _COLUMNS)]
    return "\n".join([vkey, BEGIN, *rows, _END, ""])


def unlock(text: str, passphrase: bytes) -> bytes | None:
    """The 32 bytes of the seed; None where the passphrase is not the right one.

    Raises LedgerError (ledger.format) where the text is not such a key.
    """
    if not passphrase:  # nothing was ever put under an empty one
        return None
    try:
        key = load_pem_private_key(text.encode(), passphrase)
    except ValueError as error:
        if "password" in str(error).lower() or "decrypt" in str(error).lower():
            return None
        raise malformed("not a private key under a passphrase") from None
    except (TypeError, UnsupportedAlgorithm):
        raise malformed("not a private key under a passphrase") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise malformed("not an Ed25519 private key")
    return key.private_bytes_raw()


def _tlv(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    size = bytes([len(body)]) if len(body) < 0x80 else b"\x81" + bytes([len(body)])
    return bytes([tag]) + size + body


def _integer(number: int) -> bytes:
    return _tlv(_INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))
