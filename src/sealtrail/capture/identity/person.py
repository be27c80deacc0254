"""Who a user object is, whatever an application takes for one: its attributes as they are, none computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import wraps
from inspect import isasyncgenfunction, isclass, iscoroutine, iscoroutinefunction, isgeneratorfunction
from typing import Any, Final, ParamSpec, TypeVar, cast
from uuid import UUID

from sealtrail.capture import context
from sealtrail.capture.context import NOBODY, Actor, described
from sealtrail.capture.marks import Marks

_IDS: Final = ("id", "pk", "user_id", "uid", "sub", "uuid", "username", "email")
_NAMES: Final = ("username", "user_name", "display_name", "name", "email")

_P = ParamSpec("_P")
_R = TypeVar("_R")


def person_of(user: Any, marks: Marks) -> Actor:
    """The actor that a user is: a text or number that names one, a mapping, a row, a model, any object.

    Nobody, where it says of itself that it is not signed in, or nothing that tells it from others.
    """
    if user is None or isinstance(user, bool):
        return NOBODY
    if isinstance(user, str | int | UUID):
        return described(marks, user, user_name="", roles=(), tenant="") if user != "" else NOBODY
    if not is_signed_in(user):
        return NOBODY
    read = _reader(user)
    identity = next((found for name in _IDS if _says(found := read(name))), None)
    if identity is None:
        return NOBODY
    name = next((found for name in _NAMES if isinstance(found := read(name), str) and found), "")
    return described(marks, identity, user_name=name, roles=_roles(read("roles")), tenant="")


def _says(value: Any) -> bool:
    return value is not None and not (isinstance(value, str) and not value)


def is_signed_in(user: Any) -> bool:
    """False where a user says that it is not: an attribute or a method `is_authenticated`."""
    said = getattr(user, "is_authenticated", True)
    if iscoroutine(said):  # an application's own way of asking, and not ours to wait for
        said.close()
        return False
    return said is True


def _reader(user: Any) -> Callable[[str], Any]:
    """How to read what is loaded already. An attribute of a class may be a query, or any code."""
    if isinstance(user, Mapping):
        return user.get
    if callable(getattr(user, "keys", None)):  # a row of a database
        names = set(user.keys())
        return lambda name: user[name] if name in names else None
    known = getattr(user, "__dict__", None)
    if known is not None:
        return known.get  # type: ignore[no-any-return]
    # Its fields are slots, or those of a msgspec Struct or a named tuple.
    fields = {*getattr(user, "__slots__", ()), *getattr(user, "__struct_fields__", ())}
    fields.update(getattr(user, "_fields", ()))
    return lambda name: getattr(user, name, None) if name in fields else None


def _roles(roles: Any) -> tuple[str, ...]:
    """Names of the roles: of texts, or of objects with a name."""
    if isinstance(roles, str):
        return (roles,)
    if not isinstance(roles, list | tuple | set | frozenset):
        return ()
    names = (role if isinstance(role, str) else _reader(role)("name") for role in roles)
    return tuple(str(name) for name in names if name)


def identifies(dependency: Callable[_P, _R]) -> Callable[_P, _R]:
    """The same dependency of FastAPI, or any function: whom it returns, or yields, is who acts from then on.

    It may be a coroutine function, a generator, or an object that is called as one. Where it raises, or
    returns nobody, nothing is said.
    """
    given: Any = dependency
    made: Any
    if _is(isgeneratorfunction, given):

        def yielding(*args: Any, **kwargs: Any) -> Any:
            with contextmanager(given)(*args, **kwargs) as user:
                note(user)
                yield user

        made = yielding
    elif _is(isasyncgenfunction, given):

        async def yielding_later(*args: Any, **kwargs: Any) -> Any:
            async with asynccontextmanager(given)(*args, **kwargs) as user:
                note(user)
                yield user

        made = yielding_later
    elif _is(iscoroutinefunction, given):

        async def waiting(*args: Any, **kwargs: Any) -> Any:
            user = await given(*args, **kwargs)
            note(user)
            return user

        made = waiting
    else:

        def calling(*args: Any, **kwargs: Any) -> Any:
            user = given(*args, **kwargs)
            note(user)
            return user

        made = calling
    return cast("Callable[_P, _R]", wraps(given)(made))


def _is(kind: Callable[[Any], bool], dependency: Any) -> bool:
    """Whether a function is of a kind, or what an object is called by."""
    return kind(dependency) or (not isclass(dependency) and kind(getattr(dependency, "__call__", None)))  # noqa: B004 - for what it is


def note(user: Any) -> None:
    """Let the rest of the current request be a user's, unless it is somebody's. Never raises."""
    call = context.current.get()
    if call is None or call.actor is not NOBODY:
        return
    try:
        call.actor = person_of(user, call.marks)
    except Exception:  # a user object is the application's code
        call.recorder.failed()
