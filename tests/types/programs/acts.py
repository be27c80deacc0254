"""Explicit calls, the decorator and the context manager."""

# A lambda as `target` takes arguments of any type, which pyright calls unknown in strict mode.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import assert_type

import sealtrail

assert_type(sealtrail.audit("invoice.delete", target=("invoice", "17"), change=[("state", "a", "b")]), bool)
assert_type(sealtrail.login_failed("ann", reason="bad_password", attempts=2), bool)
assert_type(sealtrail.logged_out("u1"), bool)
assert_type(sealtrail.request_id(), str)
sealtrail.audit("a.b", fields={"acme.region": "eu"}, required=True, fsync=True, error=ValueError())


@sealtrail.audited("invoice.delete", target=lambda number: ("invoice", number))
def delete(number: int, *, hard: bool = False) -> list[str]:
    return [f"{number} {hard}"]


@sealtrail.audited("invoice.read")
async def read(number: int) -> str:
    return str(number)


class Ledger:
    @sealtrail.audited("ledger.close", required=True)
    def close(self, year: int) -> float:
        return year / 2


assert_type(delete(17, hard=True), list[str])


@sealtrail.carried
def later(number: int) -> str:
    return str(number)


assert_type(later(3), str)
assert_type(Ledger().close(2026), float)
as_callable: Callable[[int], list[str]] = delete
as_coroutine: Callable[[int], Awaitable[str]] = read


async def whole() -> None:
    assert_type(await read(3), str)
    async with sealtrail.auditing("user.update", target=("user", "42")) as act:
        act.after = {"role": "admin"}


with sealtrail.auditing("user.role.update", target=("user", "42"), ticket="T-7") as act:
    act.before = {"role": "viewer"}
    act.after = {"role": "admin"}
    act.outcome = "failure"

sealtrail.audit()  # E
sealtrail.audit("a.b", outcome=True)  # E
sealtrail.audit("a.b", error="no")  # E
sealtrail.audit("a.b", fields=["x"])  # E
sealtrail.audit("a.b", fsync="yes")  # E
sealtrail.login_succeeded()  # E
sealtrail.login_succeeded("u1", mfa="yes")  # E
sealtrail.login_failed("ann", attempts="two")  # E
delete("17")  # E
delete(17, soft=True)  # E
delete()  # E
later("3")  # E
Ledger().close("2026")  # E
sealtrail.audited("x", target=3)  # E
sealtrail.auditing("x", target="user")  # E
wrong: int = delete(17)  # E
with sealtrail.auditing(7) as other:  # E
    other.outcom = "failure"  # E
