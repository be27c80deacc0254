from __future__ import annotations

import asyncio
import errno
import os
import sqlite3

import pytest
from sqlalchemy import (
    Column,
    ForeignKey,
    Table,
    create_engine,
    delete,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    mapped_column,
    relationship,
    scoped_session,
    sessionmaker,
)

import sealtrail
from sealtrail.errors import BusyError, UsageError
from sealtrail.sqlalchemy import capture_changes


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


class Admin(Role):
    """One row in each of two tables."""

    __tablename__ = "admins"
    id: Mapped[int] = mapped_column(ForeignKey("roles.id"), primary_key=True)
    level: Mapped[int] = mapped_column(default=0)


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    password: Mapped[str] = mapped_column(default="")
    logins: Mapped[int] = mapped_column(default=0)
    role: Mapped[str] = mapped_column(default="viewer")
    roles: Mapped[list[Role]] = relationship(secondary=membership)


@pytest.fixture
def engine(database):
    Base.metadata.create_all(database)
    return database


@pytest.fixture
def session(engine):
    with sessionmaker(engine)() as session:
        yield session


@pytest.fixture
def captured(engine):
    capture = capture_changes(engine)
    yield capture
    capture.remove()


@pytest.fixture
def alice(session):
    """There before anything is captured."""
    user = User(id=1, name="alice", password="old-secret-1")
    session.add(user)
    session.commit()
    return user


def test_a_new_object_is_recorded_once_it_is_committed(captured, session, told, events):
    session.add(User(name="bob", password="a-secret-1"))
    session.flush()
    assert told() == []
    session.commit()
    (event,) = events()
    assert told() == [("users.create", "1", "success")]
    assert event["event.category"] == ["database"]
    assert event["event.type"] == ["creation"]
    assert event["sealtrail.target.type"] == "users"
    assert {"path": "name", "new": "bob"} in event["sealtrail.change"]
    assert "a-secret-1" not in str(event)


def test_an_update_names_what_was_before_and_what_is_after(alice, captured, session, events):
    assert alice.role == "viewer"
    alice.role = "admin"
    alice.password = "new-secret-2"
    session.commit()
    (event,) = events()
    assert event["event.action"] == "users.update"
    assert event["sealtrail.target.id"] == "1"
    assert event["sealtrail.change"] == [
        {"path": "password", "old": "[redacted:password]", "new": "[redacted:password]"},
        {"path": "role", "old": "viewer", "new": "admin"},
    ]


def test_an_old_value_that_was_never_loaded_is_read(alice, captured, session, events):
    alice.role = "admin"  # expired by the commit before, and set unseen
    session.commit()
    assert events()[0]["sealtrail.change"] == [{"path": "role", "old": "viewer", "new": "admin"}]


def test_where_no_query_is_allowed_an_unknown_old_value_is_left_out(alice, engine, session, events):
    capture = capture_changes(engine, read_old=False)
    alice.role = "admin"
    session.commit()
    capture.remove()
    assert events()[0]["sealtrail.change"] == [{"path": "role", "new": "admin"}]


def test_a_value_that_the_database_computes_is_given_as_its_expression(alice, captured, session, events):
    assert alice.logins == 0
    alice.logins = User.logins + 1
    session.commit()
    (change,) = events()[0]["sealtrail.change"]
    assert (change["path"], change["old"]) == ("logins", 0)
    assert change["new"].startswith("users.logins + ")


def test_what_was_set_to_what_it_was_is_no_change(alice, captured, session, told):
    alice.role = "viewer"
    session.commit()
    assert told() == []


def test_a_deleted_object_is_recorded_with_what_it_was(alice, captured, session, events, told):
    session.refresh(alice)
    session.delete(alice)
    session.commit()
    assert told() == [("users.delete", "1", "success")]
    assert {"path": "role", "old": "viewer"} in events()[0]["sealtrail.change"]


def test_what_is_rolled_back_is_not_recorded(captured, session, told):
    session.add(User(name="bob"))
    session.flush()
    session.rollback()
    session.commit()
    with Session(session.bind) as other:
        other.add(User(name="carol"))
        other.flush()
    assert told() == []


def test_a_savepoint_takes_back_only_what_came_after_it(captured, session, events, told):
    session.add(User(id=1, name="kept"))
    outer = session.begin_nested()
    with session.begin_nested():
        session.add(User(id=2, name="undone"))
    session.add(User(id=3, name="undone too"))
    session.flush()
    outer.rollback()
    with session.begin_nested():
        session.add(User(id=4, name="released"))
    session.commit()
    assert told() == [("users.create", "1", "success"), ("users.create", "4", "success")]
    assert [user.id for user in session.scalars(select(User).order_by(User.id))] == [1, 4]


def test_rows_between_two_tables_are_recorded_one_by_one(alice, captured, session, events):
    alice.roles.append(Role(id=7, name="admin"))
    session.commit()
    alice.roles.clear()
    session.commit()
    acts = {(e["event.action"], e["sealtrail.target.id"]): e["sealtrail.change"] for e in events()}
    assert acts["membership.create", "1,7"] == [{"path": "user_id", "new": 1}, {"path": "role_id", "new": 7}]
    assert acts["membership.delete", "1,7"] == [{"path": "user_id", "old": 1}, {"path": "role_id", "old": 7}]
    assert len(acts) == 3


@pytest.mark.parametrize("through", ["session", "connection"])
def test_a_bulk_update_is_recorded_with_its_criteria_and_its_count(
    captured, engine, session, events, through
):
    session.add_all([User(name=f"u{n}", role="viewer") for n in range(3)])
    session.commit()
    before = len(events())
    statement = update(User).where(User.role == "viewer", User.id > 1).values(role="admin", password="s3cret")
    if through == "session":
        session.execute(statement)
        session.commit()
    else:
        with engine.begin() as connection:
            connection.execute(statement)
    (event,) = events()[before:]
    assert (event["event.action"], event["sealtrail.target.type"]) == ("users.update", "users")
    details = event["sealtrail.details"]
    assert details["bulk"] is True
    assert details["rows"] == 2
    assert details["criteria"] == "users.role = :role_1 AND users.id > :id_1"
    assert details["parameters"] == {"role_1": "viewer", "id_1": 1}
    assert event["sealtrail.change"] == [
        {"path": "password", "new": "[redacted:password]"},
        {"path": "role", "new": "admin"},
    ]


def test_a_bulk_delete_and_bulk_inserts_are_recorded_as_such(captured, session, events):
    session.execute(insert(User), [{"name": "a"}, {"name": "b"}])
    session.execute(delete(User).where(User.name.in_(["a", "b"])))
    session.bulk_insert_mappings(User, [{"name": "c"}, {"name": "d"}, {"name": "e"}])
    session.execute(membership.insert().values(user_id=1, role_id=2))
    session.commit()
    found = [(e["event.action"], e["sealtrail.details"]["rows"]) for e in events()]
    assert found == [
        ("users.create", 2),
        ("users.delete", 2),
        ("users.create", 3),
        ("membership.create", 1),
    ]
    assert "users.name IN" in events()[1]["sealtrail.details"]["criteria"]
    assert events()[3]["sealtrail.target.id"] == "1,2"


def test_raw_statements_are_recorded_without_what_they_say(captured, engine, session, events):
    session.add(User(name="a"))
    session.commit()
    session.execute(
        text("UPDATE users SET password = 'very-secret', role = :role WHERE id = 1"), {"role": "x"}
    )
    session.commit()
    with engine.begin() as connection:
        connection.exec_driver_sql("/* nightly */ DELETE FROM users WHERE name = 'alice' AND id > 17")
        connection.exec_driver_sql("SELECT 1")
    updated, deleted = events()[1:]
    assert (updated["event.action"], updated["sealtrail.details"]) == (
        "users.update",
        {
            "bulk": True,
            "rows": 1,
            "raw": True,
            "statement": "UPDATE users SET password = [redacted:password], role = :role WHERE id = ?",
            "parameters": {"role": "x"},
        },
    )
    assert deleted["sealtrail.details"]["statement"] == "DELETE FROM users WHERE name = ? AND id > ?"
    assert "very-secret" not in str(events())


def test_values_of_statements_may_be_left_out(engine, session, events):
    capture = capture_changes(engine, values=False)
    session.execute(update(User).where(User.name == "alice").values(role="admin"))
    session.commit()
    capture.remove()
    (event,) = events()
    assert "alice" not in str(event)
    assert "sealtrail.change" not in event
    assert event["sealtrail.details"]["columns"] == ["role"]
    assert event["sealtrail.details"]["parameters"] == ["name_1"]


def test_tables_and_columns_may_be_chosen(alice, engine, session, told):
    capture = capture_changes(engine, include=[User, "roles"], exclude=["roles", "users.logins"])
    session.add(Role(name="x"))
    alice.logins = 5
    session.execute(membership.insert().values(user_id=1, role_id=2))
    session.commit()
    assert told() == []
    alice.logins, alice.role = 6, "admin"
    session.commit()
    assert told() == [("users.update", "1", "success")]
    capture.remove()
    alice.role = "viewer"
    session.commit()
    assert len(told()) == 1


def test_who_acts_for_whom_and_by_which_ticket_is_on_every_change(captured, session, events):
    with sealtrail.actor("root", tenant="acme", effective_id="alice"), sealtrail.ticket("CHG-1"):
        session.add(User(name="bob"))
        session.execute(delete(Role))
        session.commit()
    names = ("user.id", "user.effective.id", "organization.id", "sealtrail.ticket")
    assert [[e[name] for name in names] for e in events()] == [["root", "alice", "acme", "CHG-1"]] * 2


def test_a_required_change_is_on_record_before_the_commit(engine, session, events, told):
    capture = capture_changes(engine, required=True, fsync=True)
    session.add(User(name="bob"))
    session.flush()
    assert told() == []
    session.commit()
    capture.remove()
    assert told() == [("users.create", "1", "unknown"), ("users.create", "1", "success")]
    intent, end = events()
    assert intent["event.type"] == ["start"]
    assert end["sealtrail.intent"] == intent["event.id"]


@pytest.mark.parametrize("through", ["session", "connection", "begin"])
def test_what_cannot_be_recorded_is_not_committed(engine, made, monkeypatch, told, through):
    capture = capture_changes(engine, required=True)
    write = os.write
    calls = []

    def refuse(descriptor, data):
        calls.append(data)
        if len(calls) > 1:  # the second intent meets a full disk
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data)

    def act():
        statements = [insert(User).values(id=n, name="x") for n in (1, 2)]
        if through == "begin":
            with engine.begin() as connection:
                for one in statements:
                    connection.execute(one)
            return
        with Session(engine) if through == "session" else engine.connect() as connection:
            for one in statements:
                connection.execute(one)
            connection.commit()

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", refuse)
        with pytest.raises(BusyError):
            act()
    capture.remove()
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM users")) == 0
    assert told()[:1] == [("users.create", "1", "unknown")]
    assert "success" not in {outcome for _, _, outcome in told()}


def test_a_session_goes_on_after_a_commit_that_was_refused(engine, made, monkeypatch, told):
    capture = capture_changes(engine, required=True)
    with Session(engine) as session:
        session.add(User(id=1, name="x"))
        with monkeypatch.context() as patch:
            patch.setattr(made.spool, "write", lambda *_, **__: False)
            with pytest.raises(BusyError):
                session.commit()
        session.rollback()
        session.add(User(id=2, name="y"))
        session.commit()
        assert [user.id for user in session.scalars(select(User))] == [2]
    capture.remove()
    assert told() == [("users.create", "2", "unknown"), ("users.create", "2", "success")]


def test_a_commit_that_the_database_refuses_takes_the_intent_back(engine, told, monkeypatch):
    def refuse(_):
        raise sqlite3.OperationalError("database is locked")

    monkeypatch.setattr(engine.dialect, "do_commit", refuse)
    capture = capture_changes(engine, required=True)
    with pytest.raises(Exception, match="locked"), engine.begin() as connection:
        connection.execute(insert(User).values(id=1, name="x"))
    capture.remove()
    assert told() == [("users.create", "1", "unknown"), ("users.create", "1", "failure")]


def test_our_own_fault_costs_the_application_nothing_unless_a_record_is_required(engine, made, monkeypatch):
    monkeypatch.setattr("sealtrail.sqlalchemy.objects.loaded", lambda *_: 1 / 0)
    capture = capture_changes(engine)
    with Session(engine) as session:
        session.add(User(name="x"))
        session.commit()
    capture.remove()
    assert made.errors == 1
    capture = capture_changes(engine, required=True)
    with Session(engine) as session:
        session.add(User(name="y"))
        with pytest.raises(BusyError):
            session.commit()
    capture.remove()
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM users")) == 1


def test_a_connection_that_commits_by_itself_is_recorded_at_once(captured, engine, told):
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(insert(User).values(id=1, name="x"))
        assert told() == [("users.create", "1", "success")]


@pytest.mark.parametrize("what", ["clause", "text", "driver", "session"])
def test_where_each_statement_is_a_transaction_it_is_announced_or_not_run(
    tmp_path, made, monkeypatch, told, what
):
    alone = create_engine(f"sqlite:///{tmp_path / 'alone.db'}", isolation_level="AUTOCOMMIT")
    Base.metadata.create_all(alone)
    capture = capture_changes(alone, required=True, include=[User])

    def act(number):
        if what == "session":
            with Session(alone) as session:
                session.add(User(id=number, name="x"))
                session.commit()
            return
        with alone.connect() as connection:
            if what == "driver":
                connection.exec_driver_sql("INSERT INTO USERS VALUES (?, 'x', '', 0, '')", (number,))
            elif what == "text":
                values = text("INSERT INTO users VALUES (:id, 'x', '', 0, '')")
                connection.execute(values, {"id": number})
            else:
                connection.execute(insert(User).values(id=number, name="x"))

    with monkeypatch.context() as patch:
        patch.setattr(made.spool, "write", lambda *_, **__: False)
        with pytest.raises(BusyError):
            act(1)
    act(2)
    with pytest.raises(Exception, match="UNIQUE"):
        act(2)
    capture.remove()
    with alone.connect() as connection:
        assert connection.scalars(select(User.id)).all() == [2]
    alone.dispose()
    assert [outcome for *_, outcome in told()] == ["unknown", "success", "unknown", "failure"]


def test_two_threads_connections_do_not_see_one_anothers_changes(captured, engine, told):
    with engine.connect() as one:
        one.execute(insert(Role).values(id=1, name="x"))
        one.rollback()
        with engine.connect() as other:
            other.execute(insert(Role).values(id=2, name="y"))
            other.commit()
    assert told() == [("roles.create", "2", "success")]


def test_many_objects_of_a_transaction_are_counted_beyond_a_number(captured, session, events, monkeypatch):
    monkeypatch.setattr("sealtrail.capture.audit.pending.MAX_OBJECTS", 3)
    session.add_all([User(name=f"u{n}") for n in range(10)])
    session.commit()
    assert len(events()) == 4
    assert events()[-1]["sealtrail.details"]["rows"] == 7


@pytest.mark.parametrize("kind", ["factory", "scoped", "session", "base", "binds"])
def test_changes_are_captured_through_whatever_leads_to_an_engine(engine, told, kind):
    target = {
        "factory": sessionmaker(engine),
        "scoped": scoped_session(sessionmaker(engine)),
        "session": Session(engine),
        "base": Base,
        "binds": sessionmaker(binds={User: engine}),
    }[kind]
    capture = capture_changes(target)
    with Session(engine) as session:
        session.add(User(name="x"))
        session.commit()
    capture.remove()
    assert told() == [("users.create", "1", "success")]


@pytest.mark.parametrize("target", [object(), None, sessionmaker(), "sqlite://"])
def test_what_leads_to_no_engine_is_refused(target):
    with pytest.raises(UsageError):
        capture_changes(target)


def test_another_engine_is_none_of_our_business(captured, told, tmp_path):
    other = create_engine(f"sqlite:///{tmp_path / 'other.db'}")
    Base.metadata.create_all(other)
    with Session(other) as session:
        session.add(User(name="x"))
        session.execute(delete(Role))
        session.commit()
    other.dispose()
    assert told() == []


@pytest.mark.parametrize("through", ["engine", "factory"])
def test_asyncios_sessions_are_captured_with_who_acts(engine, monkeypatch, events, through):
    # The driver of the standard library answers at once: what is asyncio's here is all that stands above it.
    monkeypatch.setattr(engine.dialect, "is_async", True)
    asynchronous = AsyncEngine(engine)
    factory = async_sessionmaker(asynchronous, expire_on_commit=False)
    capture = capture_changes(asynchronous if through == "engine" else factory)

    async def act(name):
        with sealtrail.actor(name):
            async with factory() as session:
                user = User(name=name)
                session.add(user)
                await session.commit()
                user.role = "admin"
                await session.execute(update(Role).where(Role.id == 1).values(name="x"))
                await session.commit()
                session.add(User(name="never"))
                await session.flush()
                await session.rollback()

    async def both():
        await act("one")
        await act("two")

    asyncio.run(both())
    capture.remove()
    found = [(e["user.id"], e["event.action"]) for e in events()]
    actions = ("users.create", "roles.update", "users.update")
    assert sorted(found) == sorted((name, action) for name in ("one", "two") for action in actions)


@pytest.mark.parametrize(
    ("include", "bulk"),
    [(None, {"roles.create", "admins.create"}), (["roles"], {"roles.create"}), ([Admin], {"admins.create"})],
)
def test_an_object_of_two_tables_is_one_change(engine, session, told, include, bulk):
    capture = capture_changes(engine, include=include)
    session.add(Admin(id=1, name="a", level=1))
    session.commit()
    session.get(Admin, 1).name = "b"
    session.commit()
    session.execute(insert(Admin), [{"id": 2, "name": "c", "level": 2}])
    session.commit()
    capture.remove()
    assert told()[:2] == [("admins.create", "1", "success"), ("admins.update", "1", "success")]
    assert {action for action, *_ in told()[2:]} == bulk


def test_a_table_may_be_named_as_the_database_takes_it(engine, told):
    capture = capture_changes(engine, include=[User])
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE MAIN.Users SET role = 'x'")
        connection.execute(text("delete from ROLES"))
    capture.remove()
    assert [action for action, *_ in told()] == ["users.update"]


def test_a_key_that_is_a_secret_is_a_hash_in_the_record(engine, session, made, events):
    class ApiKey(Base):
        __tablename__ = "api_keys"
        key: Mapped[str] = mapped_column(primary_key=True)

    ApiKey.__table__.create(engine)
    capture = capture_changes(engine)
    session.add(ApiKey(key="k-s3cret-value"))
    session.commit()
    capture.remove()
    Base.metadata.remove(ApiKey.__table__)
    (event,) = events()
    assert event["sealtrail.target.id"] == made.pseudonyms.of_token("k-s3cret-value")
    assert "s3cret" not in str(event)
