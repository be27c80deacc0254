"""What a user object says of itself without a query of ours: its attributes as they are, nothing computed."""

from __future__ import annotations

from typing import Any, Final

_NAMES: Final = ("username", "email", "name")


def known(user: Any) -> dict[str, Any]:
    """What has been loaded already. An attribute of the class may be a query, or any code."""
    return getattr(user, "__dict__", {})


def itself(user: Any) -> Any:
    """The user behind Werkzeug's proxy."""
    unwrap = getattr(user, "_get_current_object", None)
    return unwrap() if callable(unwrap) else user


def signed_in(user: Any) -> Any:
    """The user behind Werkzeug's proxy; None where nobody is signed in."""
    user = itself(user)
    return user if user is not None and user.is_authenticated is True else None


def id_of(user: Any) -> Any:
    """The user's id: an attribute of that name, else SQLAlchemy's key, else what Flask-Login goes by."""
    loaded = known(user)
    identity = loaded.get("id")
    if identity is not None:
        return identity
    key = getattr(loaded.get("_sa_instance_state"), "key", None)  # of an instance whose attributes expired
    if key is not None and len(key[1]) == 1:
        return key[1][0]
    return user.get_id()


def name_of(user: Any) -> str:
    loaded = known(user)
    return str(next((loaded[name] for name in _NAMES if loaded.get(name)), ""))


def roles_of(user: Any) -> tuple[str, ...]:
    """Names of the roles: of texts, or of objects with a name."""
    roles = known(user).get("roles")
    if isinstance(roles, str):
        return (roles,)
    if not isinstance(roles, list | tuple | set | frozenset):
        return ()
    names = (role if isinstance(role, str) else known(role).get("name") for role in roles)
    return tuple(str(name) for name in names if name)
