"""An alert as an event. Pure: the same alert always gives the same bytes, so it is stored exactly once."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from sealtrail.detect.alert import Alert
from sealtrail.event import Fields
from sealtrail.event.entry import stamp
from sealtrail.event.fields import ECS_VERSION, SCHEMA_VERSION

ACTION: Final = "sealtrail.alert"

SEVERITY: Final = {"informational": 10, "low": 25, "medium": 50, "high": 75, "critical": 100}

_TECHNIQUE: Final = re.compile(r"attack\.(t\d{4}(?:\.\d{3})?)", re.ASCII | re.IGNORECASE)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

# Parts of a key that say who it was: an alert is then found by the same query as the events behind it.
_SUBJECT: Final = (
    "client.ip",
    "user.id",
    "user.name",
    "user.hash",
    "organization.id",
    "sealtrail.session.hash",
)


def alert_event(alert: Alert) -> Fields:
    """The fields of the event. Its emitter is made from the alert's id: a second one is a duplicate."""
    key = dict(alert.key)
    techniques = [found[1].upper() for tag in alert.head.tags if (found := _TECHNIQUE.fullmatch(tag))]
    notes = [note for note, is_so in (("alert.late", alert.late), ("alert.history", alert.history)) if is_so]
    who = ", ".join(f"{name} {value}" for name, value in key.items())
    fields: Fields = {
        "@timestamp": time_text(alert.time),
        "event.id": alert.id,
        "sealtrail.kind": "alert",
        "event.kind": "alert",
        "event.category": ["intrusion_detection"],
        "event.type": ["info"],
        "event.action": ACTION,
        "event.outcome": "unknown",
        "event.severity": SEVERITY[alert.head.level],
        "message": f"{alert.head.title}: {who}" if who else alert.head.title,
        "rule.id": alert.head.id,
        "rule.name": alert.head.title,
        "sealtrail.alert.level": alert.head.level,
        "sealtrail.alert.key": key,
        "sealtrail.alert.count": alert.count,
        "sealtrail.alert.events": list(alert.events),
        "sealtrail.alert.rise": time_text(alert.rise),
        "service.name": "sealtrail",
        "ecs.version": ECS_VERSION,
        "sealtrail.schema": SCHEMA_VERSION,
        "sealtrail.emitter": f"alert:{alert.id}",
        "sealtrail.seq": 0,
    }
    if techniques:
        fields["threat.technique.id"] = list(dict.fromkeys(techniques))
    if notes:
        fields["sealtrail.notes"] = notes
    if alert.history:
        fields["sealtrail.import"] = True
    fields.update({name: key[name] for name in _SUBJECT if name in key})
    return fields


def time_text(microseconds: int) -> str:
    """Microseconds of the epoch as RFC 3339 text."""
    return stamp(_EPOCH + timedelta(microseconds=microseconds))
