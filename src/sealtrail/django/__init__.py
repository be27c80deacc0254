"""The door for Django: `MIDDLEWARE = ["sealtrail.django.SealtrailMiddleware", ...]`, first of all.

`SEALTRAIL = {"service": "shop"}` in the project's settings takes the names that the other doors take. It
works in a synchronous and in an asynchronous stack, under WSGI and ASGI, and never makes one of the other.
"""

from sealtrail.django.middleware import SealtrailMiddleware

__all__ = ["SealtrailMiddleware"]
