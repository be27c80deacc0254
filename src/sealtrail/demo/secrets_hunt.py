"""Plants secrets in requests, then looks for them in every byte that was written, however encoded."""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote


@dataclass(frozen=True)
class Planted:
    """The secrets, and the requests that carry them."""

    values: tuple[str, ...]
    requests: tuple[str, ...]
    bearer: str
    password: str
    password_as_name: str


def plant(dice: random.Random) -> Planted:
    """Made-up secrets of known shapes and under known names. None is a live credential."""

    def letters(length: int) -> str:
        return "".join(dice.choice(string.ascii_letters + string.digits) for _ in range(length))

    def token(claims: dict[str, str]) -> str:
        parts = [{"alg": "HS256", "typ": "JWT"}, claims]
        texts = [base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts]
        return ".".join([*texts, letters(43)])

    api_key = "sk_live_" + letters(24)
    plain = f"{letters(9)}/+ {letters(9)}"
    in_path = "ghp_" + letters(36)
    jwt, bearer = token({"sub": "alice"}), token({"sub": "bob"})
    password, as_name = "Boat!" + letters(12), "Name!" + letters(12)
    requests = (
        f"/products?api_key={api_key}",
        f"/products?page=2&password={quote(plain, safe='')}&sort=price",
        f"/products?pass%77ord={quote(quote(plain, safe=''), safe='')}",
        f"/products?next={quote('https://shop.example/cb?access_token=' + jwt, safe='')}",
        f"/products/{in_path}",
    )
    return Planted(
        (api_key, plain, in_path, jwt, bearer, password, as_name), requests, bearer, password, as_name
    )


def spellings(secret: str) -> Iterable[bytes]:
    """The secret raw, JSON-escaped, percent-encoded once and twice, base64 at its three offsets."""
    once = quote(secret, safe="")
    escaped = {json.dumps(secret, ensure_ascii=choice)[1:-1] for choice in (True, False)}
    yield from {text.encode() for text in (secret, *escaped, once, quote(once, safe=""))}
    data = secret.encode()
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + data)
        # The first and last characters depend on the neighbours: what lies between does not.
        yield text[(shift * 4 + 2) // 3 + (1 if shift else 0) : len(text) - 4]


def hunt(secrets: Iterable[str], folders: Iterable[Path]) -> list[str]:
    """Files in which a secret stands in any spelling, as `PATH: secret number N`."""
    needles = [(number, needle) for number, secret in enumerate(secrets) for needle in spellings(secret)]
    found = []
    for folder in folders:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            data = _content(path)
            hits = sorted({number for number, needle in needles if needle in data})
            found += [f"{path.relative_to(folder)}: secret number {number}" for number in hits]
    return found


def _content(path: Path) -> bytes:
    """Bytes as they lie on disk, and what a reader makes of them where they are compressed."""
    data = path.read_bytes()
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        rows = pq.read_table(path).to_pylist()
        return data + json.dumps(rows, default=str, ensure_ascii=False).encode("utf-8", "surrogateescape")
    if path.suffix == ".zst":
        import zstandard

        with zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True) as stream:
            return data + stream.read()
    return data
