"""What is done in Django's admin, by the log that it keeps itself: who, which object, and what it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models.signals import post_save

from sealtrail.capture import context
from sealtrail.capture.audit import acts
from sealtrail.capture.context import NOBODY
from sealtrail.capture.recorder import default

# By LogEntry.action_flag: the verb of an act, and the OWASP vocabulary's name where it is done to a user.
_VERBS: Final = {1: ("create", "user_created"), 2: ("update", "user_updated"), 3: ("delete", "user_deleted")}
_MAX_MESSAGE: Final = 16_384


def listen() -> None:
    """Begin, where the admin is installed. A second call changes nothing."""
    if not apps.is_installed("django.contrib.admin"):
        return
    from django.contrib.admin.models import LogEntry

    post_save.connect(_saved, sender=LogEntry, dispatch_uid="sealtrail.admin", weak=False)
    manager = LogEntry.objects
    if not isinstance(manager.bulk_create, _Telling):
        # Of several objects at a time the admin writes its entries in bulk, and no signal is sent.
        manager.bulk_create = _Telling(manager.bulk_create)


class _Telling:
    def __init__(self, create: Callable[..., Any]) -> None:
        self._create = create

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        made = self._create(*args, **kwargs)
        for entry in made:
            _saved(entry, created=True)
        return made


def _saved(instance: Any, created: bool, raw: bool = False, **_: Any) -> None:
    if not created or raw:
        return
    try:
        # The admin writes its log first: what is rolled back was not done.
        transaction.on_commit(lambda: _tell(instance), using=instance._state.db)  # noqa: SLF001 - Django's name
    except Exception:
        default().failed()


def _tell(entry: Any) -> None:
    from django.contrib.contenttypes.models import ContentType

    try:
        verb, of_a_user = _VERBS.get(entry.action_flag, ("change", "user_updated"))
        # The admin has just looked it up, so it is known without a query.
        kind = ContentType.objects.get_for_id(entry.content_type_id) if entry.content_type_id else None
        label = "" if kind is None else f"{kind.app_label}.{kind.model}"
        is_user = label == get_user_model()._meta.label_lower  # noqa: SLF001 - Django's name
        target = (label, entry.object_id, entry.object_repr)
        details = {"by": "django.contrib.admin"}
        if entry.change_message:
            details["message"] = _message(entry.change_message)
        action = of_a_user if is_user else f"{label.rpartition('.')[2] or 'object'}.{verb}"
        call = context.current.get()
        if context.acting(call) is NOBODY:
            with context.actor(entry.user_id):
                acts.audit(action, target=target, details=details)
        else:
            acts.audit(action, target=target, details=details)
    except Exception:
        default().failed()


def _message(text: Any) -> Any:
    """The change message: what the admin has put there as JSON, or an application as text."""
    if isinstance(text, str) and len(text) <= _MAX_MESSAGE and text.startswith("["):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text
