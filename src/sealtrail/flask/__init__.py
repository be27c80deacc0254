"""The door for Flask: `Sealtrail(app, service="shop")`, or `.init_app(app)` in an application factory."""

from sealtrail.flask.extension import Sealtrail

__all__ = ["Sealtrail"]
