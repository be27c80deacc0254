"""Settings: `settings.toml` in the data folder for the collector, environment variables for capture.

Every setting has a safe default, so a folder without the file works. A file with a name we do not know is
refused: a misspelt limit must not be silently ignored. docs/reference/settings.md lists them all.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec

from sealtrail.errors import UsageError

SETTINGS_FILE = "settings.toml"


class LedgerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """[ledger]"""

    origin: str = ""  # schema-less URL that names this installation; empty: made up once, kept in the keys
    checkpoint_seconds: float = 5.0  # how often news is signed
    anchor_to: tuple[
        str, ...
    ] = ()  # folders and addresses where checkpoints are kept as well; see how-to/anchor.md
    timestamp_url: str = ""  # RFC 3161 authority that checkpoints are stamped by; empty: none
    timestamp_ca: str = ""  # PEM file with the root of its certificate, and what lies between
    timestamp_seconds: float = 3600.0  # between two timestamps of a trail
    signer: str = ""  # unix:/PATH of `sealtrail signer serve`, which holds the keys; empty: they are here
    passphrase_file: str = ""  # holds the passphrase of the signing keys; the environment wins over it
    witness_seconds: float = 10.0  # how often witnesses are asked to cosign what was signed


class RetentionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """[retention]: whole sealed volumes older than this go, with a signed event that says so."""

    access_days: int = 400  # PCI DSS 10.5.1 wants 12 months; a month more, so that the year is whole
    audit_days: int = 2200  # HIPAA 164.316(b)(2)(i) speaks of 6 years


class DiskSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """[disk]: below this much free space nothing is accepted, so that the ledger never meets a full disk."""

    free_bytes: int = 512 * 1024 * 1024  # of the file system the data folder is on


class IntakeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """[intake]"""

    body_bytes: int = 16 * 1024 * 1024  # of one POST, decompressed
    request_bytes: int = 64 * 1024 * 1024  # of all bodies that are held; beyond it producers are told to wait
    queue_bytes: int = 64 * 1024 * 1024  # waiting for the writer; beyond it producers are told to wait


class HttpSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """[http]: how the server is reached"""

    public_url: str = ""  # where browsers find it, such as https://trail.example.org; empty: http://HOST:PORT
    trusted_proxies: tuple[str, ...] = ()  # CIDRs whose X-Forwarded-For and X-Forwarded-Proto are believed


class ResponseSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """[response]"""

    simulate: bool = False  # plan blocks, record them, but do not enforce
    allow: tuple[str, ...] = ()  # CIDRs that are never blocked; wins over everything
    trusted_proxies: tuple[
        str, ...
    ] = ()  # CIDRs of our own proxies: never blocked, whoever hides behind them
    blocks_per_minute: int = 30  # more than this is a bug or a trap, not a defence
    default_seconds: int = 900  # how long a block lasts where neither rule nor operator says


class ComplianceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """[compliance]: what the entity says of itself in its reports"""

    entity: str = ""  # whose reports these are; --entity wins
    services: tuple[str, ...] = ()  # services that must be heard; empty: those heard in the last 90 days
    silent_hours: int = 24  # for longer than this no source may be silent
    review_hours: int = 24  # within so many after its end a day's review is in time (PCI DSS 10.4.1)
    clock_seconds: float = 5.0  # how far a source's clock may be from the collector's
    cardholder_data: str = ""  # query that finds access to cardholder data (PCI DSS)
    health_data: str = ""  # query that finds access to health data (HIPAA)
    confidential_data: str = ""  # query that finds access to confidential data (SOC 2)
    admin_roles: tuple[str, ...] = ("admin", "administrator", "superuser", "root")  # roles with all rights
    # ids that no one person stands behind
    shared_ids: tuple[str, ...] = ("admin", "administrator", "root", "guest", "test", "shared", "user")
    service_provider: bool = False  # whether controls for service providers alone apply


class SilenceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """[silence]: a service that sent regularly and stopped is an event and an alert."""

    after_seconds: int = 900  # nothing came for so long, and for twice its longest pause of a week; 0: never
    events: int = 50  # a service must have sent before its silence says something
    ignore: tuple[str, ...] = ()  # names of services that come and go


class NotifySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """[notify]: who is told of alerts. Addresses hold secrets: with any, the file must be private (0600)."""

    urls: tuple[
        str, ...
    ] = ()  # addresses that apprise knows, such as jsons://host/path; see how-to/notices.md
    level: Literal["informational", "low", "medium", "high", "critical"] = "high"  # the least that is told


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """The whole file."""

    ledger: LedgerSettings = LedgerSettings()
    retention: RetentionSettings = RetentionSettings()
    disk: DiskSettings = DiskSettings()
    intake: IntakeSettings = IntakeSettings()
    http: HttpSettings = HttpSettings()
    response: ResponseSettings = ResponseSettings()
    silence: SilenceSettings = SilenceSettings()
    notify: NotifySettings = NotifySettings()
    compliance: ComplianceSettings = ComplianceSettings()


def load(folder: Path) -> Settings:
    """The settings of a data folder; defaults where there is no file."""
    path = folder / SETTINGS_FILE
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Settings()
    try:
        settings = msgspec.toml.decode(data, type=Settings)
    except msgspec.MsgspecError as error:
        raise UsageError(
            "usage.setting", f"{path}: {error}", hint="See docs/reference/settings.md for names and units."
        ) from None
    if settings.notify.urls and path.stat().st_mode & 0o077:
        raise UsageError(
            "usage.setting",
            f"{path} holds addresses of notices, which are secret, and others may read it",
            hint=f"chmod 600 {path}",
        )
    return settings


OnFull = Literal["drop", "refuse"]


class CaptureSettings(msgspec.Struct, frozen=True):
    """What capture reads from the environment of the application."""

    spool: Path
    service: str
    trusted_proxies: tuple[str, ...]
    pseudonym_key: str
    pseudonym_old_keys: tuple[str, ...] = ()
    scrub: str = ""
    scrub_engine: str = "auto"
    spool_bytes: int = 0  # what the spool folder may hold; 0: a gibibyte
    on_full: OnFull = "drop"  # requests that could not be recorded: let through and counted, or refused

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str] | None = None, *, lenient: bool = False
    ) -> CaptureSettings:
        """Raises UsageError for a value that cannot be; `lenient`: the default stands in for it."""
        env = os.environ if environ is None else environ
        proxies = tuple(
            part.strip() for part in env.get("SEALTRAIL_TRUSTED_PROXIES", "").split(",") if part.strip()
        )
        return cls(
            spool=Path(env.get("SEALTRAIL_SPOOL") or "sealtrail-spool"),
            service=env.get("SEALTRAIL_SERVICE", ""),
            trusted_proxies=proxies,
            pseudonym_key=env.get("SEALTRAIL_PSEUDONYM_KEY", ""),
            pseudonym_old_keys=tuple(env.get("SEALTRAIL_PSEUDONYM_OLD_KEYS", "").split()),
            scrub=env.get("SEALTRAIL_SCRUB", ""),
            scrub_engine=env.get("SEALTRAIL_SCRUB_ENGINE", "") or "auto",
            spool_bytes=_bytes(env.get("SEALTRAIL_SPOOL_BYTES", ""), lenient=lenient),
            on_full=_on_full(env.get("SEALTRAIL_ON_FULL", ""), lenient=lenient),
        )


# Below it a folder holds hardly an event of the largest size for each process.
LEAST_SPOOL_BYTES: Final = 1024 * 1024
_SIZE: Final = re.compile(r"(\d{1,15})([KMGT]?)(?:iB|B)?", re.ASCII)


def _bytes(text: str, *, lenient: bool) -> int:
    """A number of bytes, also as 512M or 2G; 0 where nothing is said."""
    text = text.strip()
    if not text:
        return 0
    found = _SIZE.fullmatch(text)
    size = 0 if found is None else int(found[1]) << 10 * " KMGT".index(found[2] or " ")
    if size >= LEAST_SPOOL_BYTES:
        return size
    if lenient:
        return 0
    raise UsageError(
        "usage.setting",
        f"SEALTRAIL_SPOOL_BYTES is {text[:40]!r}",
        hint="A number of bytes, a mebibyte at least, such as 536870912 or 512M.",
    )


def _on_full(text: str, *, lenient: bool) -> OnFull:
    match text.strip():
        case "refuse":
            return "refuse"
        case "" | "drop":
            return "drop"
        case _ if lenient:
            return "drop"
    raise UsageError(
        "usage.setting",
        f"SEALTRAIL_ON_FULL is {text[:40]!r}",
        hint="It is `drop` or `refuse`; see docs/reference/settings.md.",
    )
