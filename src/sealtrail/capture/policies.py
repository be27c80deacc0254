"""The policy by which a process scrubs: from its code, else from SEALTRAIL_SCRUB, else to replace everything.

One process has one policy, because log bridges, acts and requests share what they know to be clean.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, get_args

from sealtrail import scrub
from sealtrail.capture import context, foreign, ordinary, plain
from sealtrail.capture.pseudonym import Pseudonyms
from sealtrail.capture.whole import checked, is_chosen
from sealtrail.errors import UsageError
from sealtrail.scrub.policy import Mode, Policy, use, used
from sealtrail.settings import CaptureSettings
from sealtrail.spool.layout import folder_of
from sealtrail.spool.locks import Lock
from sealtrail.spool.trusted import read_trusted

Scrub = str | os.PathLike[str] | Mapping[str, Any]
"""A mode such as `hmac`, a path of a TOML file, or what such a file says as a mapping."""

MODES: Final[tuple[str, ...]] = get_args(Mode)
_MAX_FILE: Final = 1 << 20  # bytes of a policy: what is longer is none
ENGINES: Final = ("auto", "standard", "hyperscan")

_lock: Final = Lock()
_in_code: tuple[Scrub, Policy] | None = None
_in_environment = ""
_engine = ""


def adopt(given: Scrub | None, environment: str, digest: Callable[[str], str]) -> None:
    """Scrub by what is given, else by what the environment names. Raises UsageError for what is no policy.

    Nothing given changes nothing where a policy came from code before.
    """
    global _in_code, _in_environment  # noqa: PLW0603 - the policy of the process
    with _lock:
        if given is not None:
            chosen = (given, read(given, "scrub", digest))
            if _in_code is not None and _same(_in_code[1]) != _same(chosen[1]):
                raise UsageError(
                    "usage.setting",
                    "two policies of scrubbing are given in one process",
                    hint="A process scrubs by one: give the same everywhere, or name it in SEALTRAIL_SCRUB.",
                )
            if _in_code is None:
                _in_code = chosen
                _take(chosen[1])
        elif _in_code is None and environment != _in_environment:
            _take(read(environment, "SEALTRAIL_SCRUB", digest) if environment else None)
            _in_environment = environment


def follow_environment() -> None:
    """Scrub as the environment says where no middleware says it: for a log that has none beside it.

    Raises UsageError for a policy or an engine that is none.
    """
    settings = CaptureSettings.from_environment(lenient=True)
    if settings.scrub_engine != "auto":
        engine(settings.scrub_engine)
    if settings.scrub:
        adopt(None, settings.scrub, digest_of(settings))


def digest_of(settings: CaptureSettings) -> Callable[[str], str]:
    """What makes `KEY:HASH` of a secret, under the key of the installation."""
    return Pseudonyms(settings.pseudonym_key, folder_of(settings.spool)).scrubbed


def forget() -> None:
    """Back to what a process begins with: for tests that make several applications in one process."""
    global _in_code, _in_environment
    with _lock:
        _in_code, _in_environment = None, ""
        _take(None)


def read(given: Scrub, source: str, digest: Callable[[str], str] | None = None) -> Policy:
    """The policy that is given, checked. Raises UsageError, also where a file cannot be read."""
    # A process without a policy has no use for what checks one.
    from sealtrail.scrub.choices import policy_of

    if isinstance(given, Mapping):
        return checked(policy_of(given, source, digest), source)
    text = os.fspath(given)
    if text in MODES:
        return policy_of({"mode": text}, source, digest)
    try:
        written = read_trusted(Path(text), _MAX_FILE).decode()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(
            "usage.setting",
            f"{source}: {text!r} is no file that can be read: {why}",
            hint=f"Name a file of TOML, or one of {', '.join(MODES)}.",
        ) from None
    return checked(policy_of(written, text, digest), text)


def engine(wanted: str) -> None:
    """Choose what looks for shapes, by the word of SEALTRAIL_SCRUB_ENGINE. Raises UsageError."""
    if wanted not in ENGINES:
        raise UsageError(
            "usage.setting",
            f"SEALTRAIL_SCRUB_ENGINE is {wanted!r}",
            hint=f"It takes one of {', '.join(ENGINES)}.",
        )
    global _engine  # noqa: PLW0603 - one choice for the process
    if wanted == _engine:
        return
    if wanted == "auto":
        scrub.ready()
    elif scrub.engine(use_fast=wanted == "hyperscan") != wanted:
        raise UsageError(
            "usage.setting",
            "SEALTRAIL_SCRUB_ENGINE asks for Hyperscan, which is not there or does not work on this machine",
            hint="Install the `fast` extra, or leave the variable out.",
        )
    _engine = wanted


@contextmanager
def borrowed(policy: Policy) -> Iterator[None]:
    """Scrub by a policy for a while: for a command, which does nothing else meanwhile."""
    before = used()
    _take(policy)
    try:
        yield
    finally:
        _take(before)


def _take(policy: Policy | None) -> None:
    use(policy)
    # What was found clean may not be by another policy.
    plain.forget()
    ordinary.forget(by_field=policy is not None and is_chosen(policy))
    foreign.forget()
    context.forget()


def _same(policy: Policy) -> Policy:
    return policy._replace(digest=None)
