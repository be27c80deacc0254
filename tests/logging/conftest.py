from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from sealtrail.capture import context, recorder
from sealtrail.capture.recorder import Recorder
from sealtrail.flask import Sealtrail


@pytest.fixture
def made(spool: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """The recorder that serves entries outside of requests, of this test's own."""
    monkeypatch.setattr(recorder, "_default", None)
    made = recorder.configured("shop", spool=spool)
    call, acting = context.current.set(None), context.acting_outside.set(None)
    yield made
    context.acting_outside.reset(acting)
    context.current.reset(call)
    made.spool.close()


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """A logger of this test's own, which hands nothing on."""
    logger = logging.getLogger("tested.shop")
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    yield logger
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()
    for one in list(logger.filters):
        logger.removeFilter(one)


@pytest.fixture
def app(made: Recorder) -> Flask:
    """An application that is recorded into the same spool."""
    app = Flask("tested")
    Sealtrail(app, service="shop", spool=made.settings.spool)
    app.test_client_class = _Patient
    return app


class _Patient(FlaskClient):
    """Reads each answer to its end and closes it."""

    def open(self, *args, buffered: bool = True, **kwargs):
        return super().open(*args, buffered=buffered, **kwargs)
