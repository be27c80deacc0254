from __future__ import annotations

import datetime as dt
import enum
import ipaddress
import uuid
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType, SimpleNamespace
from typing import NamedTuple

import msgspec
import pydantic
import pytest
from sqlalchemy.orm import DeclarativeBase, Mapped, deferred, mapped_column

from sealtrail.capture.audit.state import CUT, MAX_NODES, snapshot


@dataclass
class Address:
    city: str
    lines: list[str] = field(default_factory=list)


class Struct(msgspec.Struct):
    name: str
    address: Address


class Model(pydantic.BaseModel):
    model_config = {"extra": "allow"}
    name: str
    key: pydantic.SecretStr = pydantic.SecretStr("very-secret")


class Slotted:
    __slots__ = ("_hidden", "name", "unset")

    def __init__(self) -> None:
        self.name, self._hidden = "a", "b"


class Attrs:
    """As attrs makes it: what it is asked by is its list of attributes."""

    __slots__ = ("name",)
    __attrs_attrs__ = (SimpleNamespace(name="name"),)

    def __init__(self) -> None:
        self.name = "a"


class Base(DeclarativeBase):
    pass


class Row(Base):
    __tablename__ = "rows"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    notes: Mapped[str] = deferred(mapped_column())


class Colour(enum.Enum):
    RED = "red"
    ODD = object()


class Point(NamedTuple):
    x: int
    y: int


@pytest.mark.parametrize(
    ("given", "state"),
    [
        (Address("Ulm", ["a"]), {"city": "Ulm", "lines": ["a"]}),
        (Struct("x", Address("Ulm")), {"name": "x", "address": {"city": "Ulm", "lines": []}}),
        (Model(name="x", more=1), {"name": "x", "key": "**********", "more": 1}),
        (Slotted(), {"name": "a"}),
        (Attrs(), {"name": "a"}),
        ([Attrs()], [{"name": "a"}]),
        (Row(id=1, name="x"), {"id": 1, "name": "x"}),
        (SimpleNamespace(a=1, _b=2), {"a": 1}),
        (Point(1, 2), {"x": 1, "y": 2}),
        (MappingProxyType({1: "a", "1": "b"}), {"1": "a", "1~": "b"}),
        ({3, 1, 2}, [1, 2, 3]),
        (Colour.RED, "red"),
        (Colour.ODD, "ODD"),
        (Decimal("1.50"), "1.50"),
        (dt.date(2026, 1, 2), "2026-01-02"),
        (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (ipaddress.ip_address("::1"), "::1"),
        (bytearray(b"x"), b"x"),
        (object(), "<object>"),
        (Address, "<class 'tests.capture.test_state.Address'>"),
    ],
)
def test_a_thing_becomes_what_it_holds(given, state):
    found = snapshot(given)
    if given is Address:
        assert "Address" in found
    else:
        assert found == state


def test_a_state_is_not_reached_by_what_comes_after_it():
    address = Address("Ulm", ["a"])
    state = snapshot({"x": [address]})
    address.city, address.lines[0] = "Bonn", "b"
    assert state == {"x": [{"city": "Ulm", "lines": ["a"]}]}


def test_an_object_that_merely_hangs_on_another_is_not_opened():
    assert snapshot({"engine": SimpleNamespace(secret="s")})["engine"] == "namespace(secret='s')"
    assert snapshot(SimpleNamespace(inner=Slotted()))["inner"] == "<Slotted>"


def test_what_holds_itself_or_raises_is_cut_or_named():
    class Rude:
        @property
        def __dict__(self):
            raise RuntimeError

        def __str__(self):
            raise RuntimeError

    class RudeDict(dict):
        def items(self):
            raise RuntimeError

        __str__ = __repr__ = items

    loop = []
    loop.append(loop)
    assert "..." in str(snapshot(loop))
    assert snapshot(Rude()) == "<unprintable Rude>"
    assert snapshot({"a": RudeDict()}) == {"a": "<unprintable RudeDict>"}


def test_what_is_too_much_is_cut():
    assert snapshot(list(range(MAX_NODES * 2))) is CUT
    assert snapshot({"a": 1, "b": dict.fromkeys(range(MAX_NODES * 2))}) == {"a": 1, "b": CUT}
    assert len(snapshot(dict.fromkeys(range(MAX_NODES // 2)))) == MAX_NODES // 2
