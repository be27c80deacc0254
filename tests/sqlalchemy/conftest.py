"""A database of a test's own, and what was recorded of it."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, create_engine, event

from sealtrail.capture import context, recorder


def as_sqlite_should(engine: Engine) -> Engine:
    """The driver begins transactions late and commits by itself; as SQLAlchemy's manual says, it must not."""

    @event.listens_for(engine, "connect")
    def connected(connection, _):
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begun(connection):
        connection.exec_driver_sql("BEGIN")

    return engine


@pytest.fixture
def made(spool, monkeypatch):
    """The recorder of this test's own."""
    monkeypatch.setattr(recorder, "_default", None)
    made = recorder.configured("shop", spool=spool)
    call, acting = context.current.set(None), context.acting_outside.set(None)
    yield made
    context.acting_outside.reset(acting)
    context.current.reset(call)
    made.spool.close()


@pytest.fixture
def database(tmp_path, made):
    """An engine without tables."""
    engine = as_sqlite_should(create_engine(f"sqlite:///{tmp_path / 'shop.db'}"))
    yield engine
    engine.dispose()


@pytest.fixture
def told(events):
    """(action, id of the target, outcome) of every event."""
    return lambda: [
        (e["event.action"], e.get("sealtrail.target.id", ""), e["event.outcome"]) for e in events()
    ]
