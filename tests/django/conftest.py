"""A Django project in one place: settings, models' tables, views, and servers of both kinds to run it."""

from __future__ import annotations

import asyncio
import gc
import io
import sys
import types
import warnings
from collections.abc import Iterator
from http.cookies import SimpleCookie
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import django
import pytest
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import include, path, re_path

import sealtrail
from sealtrail.capture import context, recorder

MIDDLEWARE = [
    "sealtrail.django.SealtrailMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]


def item(request, number):
    sealtrail.actor(user_id="u1", roles=["clerk"])
    sealtrail.touched("item", number, owner="u2")
    return HttpResponse(f"item {number}", content_type="text/plain")


async def item_async(request, number):
    sealtrail.touched("item", number)
    return JsonResponse({"id": sealtrail.request_id()})


def identity(request):
    return HttpResponse(sealtrail.request_id())


def boom(request):
    raise KeyError("no")


async def boom_async(request):
    raise KeyError("no")


def stream(request, broken):
    def parts():
        yield b"a" * 10
        if broken:
            raise ValueError("half way")
        yield b"b" * 5

    return StreamingHttpResponse(parts())


async def stream_async(request, broken):
    async def parts():
        yield b"a" * 10
        await asyncio.sleep(0)
        if broken:
            raise ValueError("half way")
        yield b"b" * 5

    return StreamingHttpResponse(parts())


def file(request):
    return FileResponse(io.BytesIO(b"x" * 10_000), as_attachment=True, filename="x.bin")


async def wait(request):
    await asyncio.sleep(3600)


def login(request):
    from django.contrib import auth

    user = auth.authenticate(request, username=request.POST["name"], password=request.POST["password"])
    if user is None:
        return HttpResponse("no", status=401)
    auth.login(request, user)
    return HttpResponse("yes")


def forbidden(request):
    request.user.is_authenticated  # noqa: B018 - the application has looked
    raise PermissionDenied


def challenge(request):
    return HttpResponse("no", status=401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})


def password(request):
    request.user.set_password(request.POST["password"])
    request.user.save()
    return HttpResponse("changed")


def logout(request):
    from django.contrib import auth

    auth.logout(request)
    return HttpResponse("bye")


def whoami(request):
    return HttpResponse(request.user.get_username())


async def whoami_async(request):
    return HttpResponse((await request.auser()).get_username())


def incurious(request):
    return HttpResponse("I never asked")


READ = {
    "body": lambda request: request.body,
    "post": lambda request: sorted([*request.POST, *request.FILES]),
    "parts": lambda request: list(iter(lambda: request.read(7), b"")),
    "lines": list,
    "nothing": lambda request: None,
}


ROWS = [b'[{"id": 1},', b'{"id": 2}]']


async def _asynchronous():
    for part in ROWS:
        yield part


def fields(request, how):
    READ[how](request)
    rows = [{"id": 1, "owner": {"name": "hush"}}, {"id": 2}]
    if "stream" in request.GET:
        parts = _asynchronous() if hasattr(request, "scope") else iter(ROWS)
        return StreamingHttpResponse(parts, content_type="application/json")
    return JsonResponse({"rows": rows})


urls = types.ModuleType("urls")
urls.urlpatterns = [
    path("items/<int:number>", item),
    path("async/items/<int:number>", item_async),
    path("id", identity),
    path("boom", boom),
    path("async/boom", boom_async),
    path("stream", stream, {"broken": False}),
    path("stream/broken", stream, {"broken": True}),
    path("async/stream", stream_async, {"broken": False}),
    path("async/stream/broken", stream_async, {"broken": True}),
    path("file", file),
    path("wait", wait),
    path("login", login),
    path("logout", logout),
    path("forbidden", forbidden),
    path("fields/<str:how>", fields),
    path("challenge", challenge),
    path("password", password),
    path("whoami", whoami),
    path("async/whoami", whoami_async),
    path("incurious", incurious),
    path("api/", include([path("v1/<slug:name>/", item_async)])),
    re_path(r"^old/(?P<number>\d+)$", item),
]


@pytest.fixture(scope="session")
def project(tmp_path_factory) -> Iterator[None]:
    """Django, set up once a process: it cannot be done twice."""
    database = tmp_path_factory.mktemp("django") / "db.sqlite3"
    settings.configure(
        SECRET_KEY="for tests",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=urls,
        DATABASES={
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": database},
            "other": {"ENGINE": "django.db.backends.sqlite3", "NAME": database.with_name("other.sqlite3")},
        },
        INSTALLED_APPS=[
            "django.contrib.admin",
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
        ],
        MIDDLEWARE=MIDDLEWARE,
        SESSION_ENGINE="django.contrib.sessions.backends.cache",
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        LOGGING_CONFIG=None,
        DEBUG_PROPAGATE_EXCEPTIONS=False,
        SEALTRAIL={},
    )
    django.setup()
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.db import connections

    call_command("migrate", verbosity=0)
    User.objects.create_user("alice", password="boats", is_staff=True)
    connections.close_all()
    yield
    connections.close_all()


@pytest.fixture(scope="session")
def shop(project) -> SimpleNamespace:
    """Models of every kind, and their tables in both databases."""
    from django.db import connections, models

    class Place(models.Model):  # noqa: DJ008 - nobody prints it
        name = models.CharField(max_length=50)
        seen = models.IntegerField(default=0)

        class Meta:
            app_label = "auth"

    class Bar(Place):  # noqa: DJ008 - nobody prints it
        licence = models.CharField(max_length=50)

        class Meta:
            app_label = "auth"

    class Inn(Place):  # noqa: DJ008 - nobody prints it
        class Meta:
            app_label = "auth"
            proxy = True

    class Tag(models.Model):  # noqa: DJ008 - nobody prints it
        key = models.CharField(max_length=40, primary_key=True)
        data = models.JSONField(default=dict)
        places = models.ManyToManyField(Place)
        main = models.ForeignKey(Place, null=True, on_delete=models.SET_NULL, related_name="+")

        class Meta:
            app_label = "auth"

    for connection in connections.all():
        with connection.schema_editor() as editor:
            for model in (Place, Bar, Tag):
                editor.create_model(model)
    return SimpleNamespace(Place=Place, Bar=Bar, Inn=Inn, Tag=Tag)


def _wsgi(handler, method, target, headers, body, draw, **extra):
    where, _, query = target.partition("?")
    sent = {}
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": where,
        "QUERY_STRING": query,
        "RAW_URI": target,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "10.0.0.1",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "http",
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()},
        **extra,
    }
    if body:
        environ["CONTENT_TYPE"] = headers.get("Content-Type", "application/x-www-form-urlencoded")

    def start_response(status, pairs, exc_info=None):
        sent.update(status=int(status[:3]), pairs=pairs)

    response = handler(environ, start_response)
    data, raised = [], None
    try:
        data += islice(response, draw)
    except Exception as error:
        raised = error
    finally:
        response.close()
    return sent["status"], sent["pairs"], b"".join(data), raised


def _asgi(handler, method, target, headers, body, draw, **extra):
    where, _, query = target.partition("?")
    sent = []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": where,
        "raw_path": where.encode(),
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("10.0.0.1", 4711),
        "server": ("127.0.0.1", 80),
        **extra,
    }
    if body and "Content-Type" not in headers:
        scope["headers"].append((b"content-type", b"application/x-www-form-urlencoded"))

    async def serve():
        gone = asyncio.Event()
        if draw == 0:
            gone.set()
        inbox = [{"type": "http.request", "body": body}]

        async def receive():
            if inbox:
                return inbox.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            sent.append(message)
            if draw is not None and sum(m["type"] == "http.response.body" for m in sent) >= draw:
                gone.set()
                await asyncio.sleep(3600)  # until Django cancels it

        await handler(scope, receive, send)

    raised = None
    try:
        asyncio.run(serve())
    except Exception as error:
        raised = error
        # Django leaves the request's body open then. Whoever collects it would be warned.
        error.__traceback__ = None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()
    first = sent[0] if sent else {"status": 0, "headers": []}
    pairs = [(name.decode(), value.decode()) for name, value in first["headers"]]
    return first["status"], pairs, b"".join(m.get("body", b"") for m in sent), raised


@pytest.fixture(params=["wsgi", "asgi"])
def kind(request) -> str:
    return request.param


@pytest.fixture
def ask(project, kind: str, spool: Path, monkeypatch: pytest.MonkeyPatch):
    """One request as a server of this kind makes it, keeping cookies; `draw` limits the parts taken."""
    from django.core.handlers.asgi import ASGIHandler
    from django.core.handlers.wsgi import WSGIHandler
    from django.db import connections

    monkeypatch.setattr(recorder, "_default", None)
    given = {"service": "tested", "spool": spool, "trusted_proxies": ["10.0.0.0/8"]}
    monkeypatch.setattr(settings, "SEALTRAIL", given, raising=False)
    made = {}
    cookies = SimpleCookie()

    def ask(target, method="GET", *, headers=None, body=b"", draw=None, wrap=None, **extra):
        if not made:
            made["handler"] = WSGIHandler() if kind == "wsgi" else ASGIHandler()
        handler = made["handler"] if wrap is None else wrap(made["handler"])
        sent = dict(headers or {})
        if cookies:
            sent["Cookie"] = "; ".join(f"{name}={morsel.value}" for name, morsel in cookies.items())
        serve = _wsgi if kind == "wsgi" else _asgi
        status, pairs, data, raised = serve(handler, method, target, sent, body, draw, **extra)
        for name, value in pairs:
            if name.lower() == "set-cookie":
                cookies.load(value)
        return SimpleNamespace(
            status=status, headers={n.lower(): v for n, v in pairs}, body=data, raised=raised
        )

    yield ask
    connections.close_all()
    context.current.set(None)
    context.acting_outside.set(None)
    if "sealtrail.django" in sys.modules:
        recorder.default().spool.close()
