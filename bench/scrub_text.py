"""What scrubbing costs: microseconds for clean text, and for text that was made to cost."""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import Callable

from sealtrail import scrub
from sealtrail.scrub import Policy
from sealtrail.scrub.policy import use

SENTENCE = "The quick brown fox jumps over the lazy dog, then writes 42 reports about it. "
CLEAN = {
    "clean path": lambda: scrub.is_clean("/api/orders/42"),
    "clean query": lambda: scrub.is_clean_query("expand=items&page=2"),
    "clean 80 characters": lambda: scrub.text(SENTENCE),
    "clean 2 kB": lambda: scrub.text((SENTENCE * 26)[:2000]),
}
UUIDS = [str(uuid.UUID(int=0x1234567890ABCDEF1234567890ABCDEF * n % 2**128)) for n in range(1, 60)]
WORDS = base64.b64encode(b"page two of").decode()
HOSTILE = {
    "UUIDs in JSON": ('{"items":[' + ",".join(f'{{"id":"{one}"}}' for one in UUIDS))[:2000],
    "base64 of words": f"{WORDS} " * 120,
    "base64 of words in a path": f"{WORDS}/" * 120,
    "base64 of addresses": (base64.b64encode(b"a@example.org, ").decode() + " ") * 95,
    "almost JWTs": ("eyJhbGciOiJub25lIn." + "a" * 8 + ". ") * 70,
    "JWT heads in one run": "eyJhbGciOiJub25lIn" * 110 + ".aaaa.bbbb",
    "marks": "[redacted:" * 200,
    "marks and names": "[redacted:pin:" * 140,
    "escapes": "\\u0041" * 330,
    "percents": "%25" * 660,
    "numbers almost cards": "4111111111111112 " * 117,
    "numbers in groups of four": "4111 " * 400,
    "brackets": "pin=" + "{(" * 990,
    "quotes within quotes": "pin='\\" * 330,
    "JWT starts": "eyJ-" * 500,
    "at signs": "a@" * 1000,
    "separators": "a=" * 1000,
    "addresses, encoded twice": "a%2540b.de/" * 180,
    "userinfo": "://a:" * 400 + "@",
    "names": "".join(f"q{n}=1&" for n in range(300)),
    "digits": "4 " * 1000,
    "quotation marks": 'password="' * 200,
    "names as values": "password=" * 222,
    "names as values, apart": "password= " * 200,
    "names of names": "token:password=" * 133,
    "names with accents": "".join(f"\u00f1q{n}=1&" for n in range(280)),
    "letters that are many": "\ufdfa" * 63 + "".join(f"=\ufdfa{n}" for n in range(380)),
    "almost logins": "aa:bbb1@c " * 200,
    "logins in one run": "aa:" + "b1@" * 660,
}


def first_cost(call: Callable[[], object]) -> float:
    """As `cost`, of a call that has seen none of the names in it: who sends the text chooses new ones."""
    best = float("inf")
    for _ in range(12):
        use(None)
        begun = time.process_time()
        call()
        best = min(best, (time.process_time() - begun) * 1e6)
    return best


def cost(call: Callable[[], object], times: int = 50) -> float:
    """Best of several, in microseconds of CPU time."""
    best = float("inf")
    for _ in range(5):
        begun = time.process_time()
        for _ in range(times):
            call()
        best = min(best, (time.process_time() - begun) / times * 1e6)
    return best


def by_policy(groups: frozenset[str]) -> float:
    """The clean text again, while the process scrubs by a policy with these groups of rules."""
    use(Policy(groups=groups))
    try:
        return cost(CLEAN["clean 2 kB"])
    finally:
        use(None)


def main() -> None:
    print("Scrubbing, CPU microseconds (goals: clean 2 kB <= 60, hostile 2 kB <= 2,000)")
    for name, call in CLEAN.items():
        print(f"  {name:28}{cost(call):9.1f}")
    print(f"  {'clean 2 kB, hipaa':28}{by_policy(frozenset({'hipaa'})):9.1f}")
    for name, text in HOSTILE.items():
        calls = [lambda t=text, f=f: f(t) for f in (scrub.text, scrub.query, scrub.url)]  # type: ignore[misc]
        longest = max(first_cost(call) for call in calls)
        print(f"  {name:28}{longest:9.1f}")


if __name__ == "__main__":
    main()
