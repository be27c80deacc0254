"""Which records stand for a population: the same for the same checkpoints, and chosen by nobody. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

# Of each check's population. An auditor draws more with the query that stands beside the number.
SAMPLES: Final = 10

# Exceptions of each check that are handed over with their proofs.
PROVED_EXCEPTIONS: Final = 25


def drawn(seed: str, periods: Sequence[tuple[int, int]], most: int = SAMPLES) -> list[tuple[int, int]]:
    """(start of a period, place within it) of at most `most` records, in their order.

    `periods` are (start, records). Each record is as likely as any other, none comes twice, and all come
    where there are no more than `most`.
    """
    total = sum(number for _, number in periods)
    if total <= most:
        places = list(range(total))
    else:
        chosen: set[int] = set()
        turn = 0
        while len(chosen) < most:
            digest = sha256(f"{seed}/{turn}".encode()).digest()
            # 128 bits over a population far smaller: the bias is beyond anything that could be measured.
            chosen.add(int.from_bytes(digest[:16]) % total)
            turn += 1
        places = sorted(chosen)
    found = []
    before, remaining = 0, iter(places)
    place = next(remaining, None)
    for start, number in periods:
        while place is not None and place < before + number:
            found.append((start, place - before))
            place = next(remaining, None)
        before += number
    return found
