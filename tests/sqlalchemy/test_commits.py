from __future__ import annotations

from types import SimpleNamespace

import pytest
from sqlalchemy import insert, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from sealtrail.capture.audit.pending import Pending
from sealtrail.errors import BusyError
from sealtrail.sqlalchemy import capture_changes
from sealtrail.sqlalchemy.commits import waiting, watch


class Base(DeclarativeBase):
    pass


class Role(Base):
    __tablename__ = "roles"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    role: Mapped[str] = mapped_column(default="viewer")


@pytest.fixture
def engine(database):
    Base.metadata.create_all(database)
    return database


@pytest.fixture
def captured(engine):
    capture = capture_changes(engine)
    yield capture
    capture.remove()


class Dialect:
    """What a dialect is asked for, and what it did."""

    def __init__(self):
        self.did = []

    def __getattr__(self, name):
        if name.startswith("do_"):
            return lambda *_: self.did.append(name)
        raise AttributeError(name)


@pytest.fixture
def dialect():
    made = Dialect()
    watch(made)
    watch(made)
    return made


def test_a_dialect_is_watched_once(dialect):
    dialect.do_commit(SimpleNamespace(info={}))
    dialect.do_prepare_twophase(SimpleNamespace(info={}), "x")
    dialect.do_commit_twophase(SimpleNamespace(info={}), "x", is_prepared=False)
    assert dialect.did == ["do_commit", "do_prepare_twophase", "do_commit_twophase"]


def test_a_connection_without_anything_that_waits_is_told_nothing(dialect):
    dialect.do_savepoint(object(), "a")
    assert waiting(SimpleNamespace(info={"a": 1})) == []


def test_savepoints_are_told_by_their_names(dialect, monkeypatch):
    pending, told = Pending(), []
    connection = SimpleNamespace(info={"us": pending})
    monkeypatch.setattr(Pending, "back", lambda _, name: told.append(name))
    watch(other := Dialect())
    other.do_rollback_to_savepoint(connection, "a")
    assert told == ["a"]


def test_an_outer_savepoint_takes_back_what_inner_ones_hold(captured, engine, told):
    with engine.begin() as connection:
        outer = connection.begin_nested()
        connection.execute(insert(Role).values(id=1, name="undone"))
        connection.begin_nested()
        connection.execute(insert(Role).values(id=2, name="undone too"))
        with pytest.warns(Warning, match="deassociated"):
            outer.rollback()
        connection.execute(insert(Role).values(id=3, name="kept"))
    assert told() == [("roles.create", "3", "success")]


def test_a_session_that_failed_goes_on_with_what_it_commits(captured, engine, told):
    session = Session(engine)
    session.add(Role(id=1, name="undone"))
    session.flush()
    with pytest.raises(Exception, match="UNIQUE"):
        session.execute(insert(Role).values(id=1, name="twice"))
    session.rollback()
    session.add(User(id=1, name="kept"))
    session.flush()
    with pytest.raises(Exception, match="UNIQUE"), session.begin_nested():
        session.execute(insert(User).values([{"id": 2, "name": "undone"}, {"id": 1, "name": "y"}]))
    session.add(Role(id=3, name="kept"))
    session.commit()
    session.close()
    assert told() == [("users.create", "1", "success"), ("roles.create", "3", "success")]


@pytest.fixture
def twophase(engine, monkeypatch):
    """SQLite with the two phases that servers have: what is prepared is committed by its name."""
    dialect = engine.dialect
    monkeypatch.setattr(dialect, "do_begin_twophase", lambda c, _: c.exec_driver_sql("BEGIN"))
    monkeypatch.setattr(dialect, "do_prepare_twophase", lambda *_: None)
    commit = lambda c, *_: c.exec_driver_sql("COMMIT")  # noqa: E731
    monkeypatch.setattr(dialect, "do_commit_twophase", commit)
    monkeypatch.setattr(dialect, "do_rollback_twophase", lambda c, *_: c.exec_driver_sql("ROLLBACK"))
    return engine


def test_both_phases_of_a_commit_are_heard(twophase, made, monkeypatch, told):
    capture = capture_changes(twophase, required=True)
    with Session(twophase, twophase=True) as session:
        session.add(Role(id=1, name="undone"))
        session.flush()
        session.rollback()
        session.add(Role(id=2, name="kept"))
        session.prepare()
        assert told() == [("roles.create", "2", "unknown")]
        session.commit()
        session.add(Role(id=3, name="refused"))
        with monkeypatch.context() as patch:
            patch.setattr(made.spool, "write", lambda *_, **__: False)
            with pytest.raises(BusyError):
                session.commit()
        session.rollback()
        assert [role.id for role in session.scalars(select(Role))] == [2]
    capture.remove()
    assert told() == [("roles.create", "2", "unknown"), ("roles.create", "2", "success")]
