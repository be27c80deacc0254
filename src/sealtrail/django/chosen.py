"""Which of Django's models, tables and columns are meant by the labels in a setting."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist

from sealtrail.errors import UsageError

_PARTS_OF_A_FIELD: Final = 3


class Chosen:
    """`labels` are as `shop.Invoice`, or the word `all`; `exclude` holds such and columns of such.

    A model comes with its proxies, the tables that it inherits from, and those between it and others that
    Django makes for it.
    """

    def __init__(self, labels: str | Collection[str], exclude: Collection[str] = ()) -> None:
        self._labels = labels
        self._exclude = exclude
        self._models: dict[Any, None] | None = None
        self._tables: dict[str, str] = {}
        self._deleted: set[str] = set()
        self._left_out: set[tuple[Any, str]] = set()

    def senders(self) -> tuple[Any, ...]:
        """Whose signals are listened to; None for everybody's. Raises UsageError for a label of no model."""
        models = self.models()
        return (None,) if self._labels == "all" else models

    def models(self) -> tuple[Any, ...]:
        """Raises UsageError for a label of no model."""
        if self._models is None:
            self._resolve()
        return tuple(self._models or ())

    def takes(self, model: Any) -> bool:
        """Whether changes of this model's objects are recorded."""
        return model in self._known() or (self._labels == "all" and _concrete(model) in self._known())

    def table(self, name: str) -> str | None:
        """A table by the name that a statement calls it by, which databases fold and schemas precede."""
        self._known()
        folded = name.lower()
        return self._tables.get(folded) or self._tables.get(folded.rpartition(".")[2])

    def is_told_of_deletions(self, table: str) -> bool:
        """Whether each row that Django deletes of a table is told of by a signal."""
        return table in self._deleted

    def leaves_out(self, model: Any, column: str) -> bool:
        return bool(self._left_out) and (_concrete(model), column) in self._left_out

    def _known(self) -> dict[Any, None]:
        if self._models is None and apps.models_ready:
            self._resolve()
        return self._models or {}

    def _resolve(self) -> None:
        every = apps.get_models(include_auto_created=True)
        without = set()
        for label in self._exclude:
            if label.count(".") + 1 == _PARTS_OF_A_FIELD:
                model, field = _field(label)
                self._left_out.add((_concrete(model), field))
            else:
                without.add(_concrete(_model(label)))
        if self._labels == "all":
            chosen = {_concrete(model) for model in every}
        else:
            labels = (self._labels,) if isinstance(self._labels, str) else self._labels
            chosen = {_concrete(_model(label)) for label in labels}
            for model in list(chosen):
                between = (field.remote_field.through for field in model._meta.local_many_to_many)  # noqa: SLF001 - Django's name
                chosen.update(one for one in between if one._meta.auto_created)  # noqa: SLF001 - as above
        chosen -= without
        self._models = {model: None for model in every if _concrete(model) in chosen}
        for model in self._models:
            for one in (_concrete(model), *model._meta.get_parent_list()):  # noqa: SLF001 - as above
                if one not in without:
                    table = table_of(one)
                    self._tables[table.replace('"', "").lower()] = table
        self._deleted = {table_of(model) for model in self._models if not model._meta.auto_created}  # noqa: SLF001 - as above


def table_of(model: Any) -> str:
    return str(model._meta.db_table)  # noqa: SLF001 - as above


def _concrete(model: Any) -> Any:
    return model._meta.concrete_model  # noqa: SLF001 - as above


def _model(label: str) -> Any:
    try:
        return apps.get_model(label)
    except (LookupError, ValueError) as error:
        raise UsageError(
            "usage.setting",
            f"there is no model {label!r} to record the changes of",
            hint="A label is as shop.Invoice: the application's and the model's name.",
        ) from error


def _field(label: str) -> tuple[Any, str]:
    model = _model(label.rpartition(".")[0])
    try:
        return model, str(model._meta.get_field(label.rpartition(".")[2]).attname)  # noqa: SLF001 - as above
    except (FieldDoesNotExist, AttributeError) as error:
        raise UsageError(
            "usage.setting",
            f"there is no column {label!r} to leave out",
            hint="A column is as auth.User.email.",
        ) from error
