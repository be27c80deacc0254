"""What scrubbing costs: microseconds for clean text, and for text that was made to cost."""

from __future__ import annotations

import time
from collections.abc import Callable

from sealtrail import scrub

SENTENCE = "The quick brown fox jumps over the lazy dog, then writes 42 reports about it. "
CLEAN = {
    "clean path": lambda: scrub.is_clean("/api/orders/42"),
    "clean query": lambda: scrub.is_clean_query("expand=items&page=2"),
    "clean 80 characters": lambda: scrub.text(SENTENCE),
    "clean 2 kB": lambda: scrub.text((SENTENCE * 26)[:2000]),
}
HOSTILE = {
    "JWT starts": "eyJ-" * 500,
    "at signs": "a@" * 1000,
    "separators": "a=" * 1000,
    "addresses, encoded twice": "a%2540b.de/" * 180,
    "userinfo": "://a:" * 400 + "@",
    "names": "".join(f"q{n}=1&" for n in range(300)),
    "digits": "4 " * 1000,
    "quotation marks": 'password="' * 200,
}


def cost(call: Callable[[], object], times: int = 50) -> float:
    """Best of several, in microseconds of CPU time."""
    best = float("inf")
    for _ in range(5):
        begun = time.process_time()
        for _ in range(times):
            call()
        best = min(best, (time.process_time() - begun) / times * 1e6)
    return best


def main() -> None:
    print("Scrubbing, CPU microseconds (goals: clean 2 kB <= 60, hostile 2 kB <= 2,000)")
    for name, call in CLEAN.items():
        print(f"  {name:28}{cost(call):9.1f}")
    for name, text in HOSTILE.items():
        longest = max(cost(lambda t=text, f=f: f(t), 5) for f in (scrub.text, scrub.query, scrub.url))  # type: ignore[misc]
        print(f"  {name:28}{longest:9.1f}")


if __name__ == "__main__":
    main()
