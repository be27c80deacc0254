"""What the sample shop knows and does, whichever framework serves it; one deliberate hole is in the servers.

`shop_flask` and `shop_fastapi` are the same API: any user may read any invoice there.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterator
from typing import Any, Final

# Cheap on purpose: the demo measures Sealtrail, not a password hash.
_ROUNDS: Final = 1000


class Shop:
    """Users, invoices, products, and who is signed in, in memory."""

    def __init__(self, run: str) -> None:
        names = ["alice", "bob", "carol", "dave", "erin", "mallory", "root"]
        self._salt = secrets.token_bytes(16)
        self.users: dict[str, dict[str, Any]] = {
            name: {
                "id": f"{name}-{run}" if name == "mallory" else name,
                "role": "admin" if name == "root" else "customer",
                "password": self._hash(f"{name}-likes-{len(name)}-boats"),
            }
            for name in names
        }
        owners = [user["id"] for name, user in self.users.items() if name != "root"]
        self.invoices = {str(n): {"owner": owners[n % len(owners)], "total": 10 + n} for n in range(1, 201)}
        self.products = {str(n): {"name": f"boat {n}", "price": 100 * n} for n in range(1, 31)}
        self._sessions: dict[str, str] = {}

    @classmethod
    def of_environment(cls) -> Shop:
        """`SEALTRAIL_DEMO_RUN` makes one user's id unique to a run."""
        return cls(os.environ.get("SEALTRAIL_DEMO_RUN", "1"))

    def check(self, name: str, password: str) -> str:
        """Empty if that is the user's password, else why not."""
        user = self.users.get(name)
        if user is None:
            return "unknown_user"
        return "" if hmac.compare_digest(user["password"], self._hash(password)) else "bad_password"

    def sign_in(self, name: str) -> str:
        token = secrets.token_urlsafe(24)
        self._sessions[token] = name
        return token

    def signed_in(self, authorization: str) -> dict[str, Any] | None:
        """The user whose token an Authorization header carries."""
        return self.users.get(self._sessions.get(authorization.removeprefix("Bearer "), ""))

    def catalogue(self) -> Iterator[str]:
        for number, item in self.products.items():
            yield f"{number},{item['name']},{item['price']}\n"

    def _hash(self, password: str) -> bytes:
        return hashlib.pbkdf2_hmac("sha256", password.encode(), self._salt, _ROUNDS)
