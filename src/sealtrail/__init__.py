"""The flight recorder for APIs: record every request, seal it, find the attack, prove it.

This is the public API of the application's side. It imports nothing but msgspec and one id library.
"""

from sealtrail.capture.acts import audit, logged_out, login_failed, login_succeeded
from sealtrail.capture.auditing import audited, auditing
from sealtrail.capture.carry import carried
from sealtrail.capture.context import actor, request_id, touched
from sealtrail.capture.ticket import ticket

__all__ = [
    "actor",
    "audit",
    "audited",
    "auditing",
    "carried",
    "logged_out",
    "login_failed",
    "login_succeeded",
    "request_id",
    "ticket",
    "touched",
]
