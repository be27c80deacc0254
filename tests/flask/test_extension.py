from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from sealtrail.capture.recorder import Recorder
from sealtrail.errors import UsageError
from sealtrail.flask import Sealtrail


def _app(name: str) -> Flask:
    app = Flask(name)
    app.add_url_rule("/items/<int:number>", "item", lambda number: f"item {number}")
    return app


def test_a_factory_hands_its_application_over_later_and_twice_is_once(spool: Path, events) -> None:
    door = Sealtrail(service="shop", spool=spool)
    app = _app("made")
    door.init_app(app)
    door.init_app(app)
    with app.test_client() as client:
        assert client.get("/items/7", buffered=True).data == b"item 7"
    (event,) = events()
    assert (event["service.name"], event["http.route"]) == ("shop", "/items/<int:number>")


def test_one_extension_serves_applications_of_several_names(spool: Path, events) -> None:
    door = Sealtrail(service="shop", spool=spool)
    shop, admin = _app("shop"), _app("admin")
    door.init_app(shop)
    door.init_app(admin, service="admin")
    for app in (shop, admin):
        app.test_client().get("/items/7", buffered=True)
    assert [event["service.name"] for event in events()] == ["shop", "admin"]
    assert isinstance(shop.extensions["sealtrail"], Recorder)


def test_a_proxy_that_is_none_is_refused_when_the_application_is_made(spool: Path) -> None:
    with pytest.raises(UsageError):
        Sealtrail(_app("made"), spool=spool, trusted_proxies=["nowhere"])
