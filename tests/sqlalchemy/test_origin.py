from __future__ import annotations

import pytest
from sqlalchemy import Column, ForeignKey, Table, event
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from sealtrail.sqlalchemy import capture_changes
from sealtrail.sqlalchemy.origin import writer


class Base(DeclarativeBase):
    pass


membership = Table(
    "membership",
    Base.metadata,
    Column("user_id", ForeignKey("users.id"), primary_key=True),
    Column("role_id", ForeignKey("roles.id"), primary_key=True),
)


class Role(Base):
    __tablename__ = "roles"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    role: Mapped[str] = mapped_column(default="viewer")
    roles: Mapped[list[Role]] = relationship(secondary=membership)


@pytest.fixture
def engine(database):
    Base.metadata.create_all(database)
    return database


@pytest.fixture
def captured(engine):
    capture = capture_changes(engine)
    yield capture
    capture.remove()


@pytest.fixture
def session(engine):
    with Session(engine) as session:
        yield session


def test_who_is_neither_a_mapper_nor_a_relation_is_somebody_else():
    assert writer() == "other"


def test_what_a_listener_writes_during_a_flush_is_recorded_as_well(captured, session, told):
    def after_insert(_mapper, connection, target):
        table = User.__table__
        connection.execute(table.update().where(table.c.id == target.id).values(role="admin"))

    event.listen(User, "after_insert", after_insert)
    try:
        session.add(User(id=1, name="x"))
        session.commit()
    finally:
        event.remove(User, "after_insert", after_insert)
    assert told() == [("users.create", "1", "success"), ("users.update", "", "success")]


def test_merge_and_cascades_are_changes_of_their_objects(captured, session, told):
    alice = User(id=1, name="alice")
    session.add(alice)
    session.commit()
    alice.roles.append(Role(id=7, name="x"))
    session.commit()
    session.merge(User(id=1, name="merged"))
    session.merge(User(id=2, name="new"))
    session.delete(alice)
    session.commit()
    assert {(action, key) for action, key, _ in told()} == {
        ("users.create", "1"),
        ("roles.create", "7"),
        ("membership.create", "1,7"),
        ("users.update", "1"),
        ("users.create", "2"),
        ("membership.delete", "1,7"),
        ("users.delete", "1"),
    }
