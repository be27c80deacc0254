"""A Django project with its admin; with Django REST framework and django-axes where they are installed."""

from importlib.util import find_spec

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command

HAS_REST, HAS_AXES = find_spec("rest_framework") is not None, find_spec("axes") is not None

settings.configure(
    SECRET_KEY="for tests",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    LOGGING_CONFIG=None,
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.sqlite3"}},
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.messages",
        "django.contrib.sessions",
        *(["rest_framework", "rest_framework.authtoken"] if HAS_REST else []),
        *(["axes"] if HAS_AXES else []),
    ],
    MIDDLEWARE=[
        "sealtrail.django.SealtrailMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        *(["axes.middleware.AxesMiddleware"] if HAS_AXES else []),
    ],
    AUTHENTICATION_BACKENDS=[
        *(["axes.backends.AxesStandaloneBackend"] if HAS_AXES else []),
        "django.contrib.auth.backends.ModelBackend",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    AXES_FAILURE_LIMIT=3,
    AXES_LOCKOUT_PARAMETERS=["username"],
    SEALTRAIL={"service": "shop"},
)
django.setup()

from django.contrib import admin  # noqa: E402 - Django wants its settings first
from django.contrib.auth.models import User  # noqa: E402 - as above
from django.urls import path  # noqa: E402 - as above

call_command("migrate", verbosity=0)
root = User.objects.create_superuser("root", password="boats-of-root")
ann = User.objects.create_user("ann", password="boats-of-ann")
urlpatterns = [path("admin/", admin.site.urls)]

if HAS_REST:
    from rest_framework.authentication import BasicAuthentication, SessionAuthentication, TokenAuthentication
    from rest_framework.authtoken.models import Token
    from rest_framework.exceptions import AuthenticationFailed
    from rest_framework.permissions import IsAdminUser, IsAuthenticated
    from rest_framework.response import Response
    from rest_framework.throttling import UserRateThrottle
    from rest_framework.views import APIView

    Token.objects.create(key="a-token-of-anns-1234567890", user=ann)

    class Twice(UserRateThrottle):
        rate = "2/day"

    class ByKey(TokenAuthentication):
        """A key in a header of its own: nobody else knows that it is a credential."""

        def authenticate(self, request):
            if request.headers.get("X-Shop-Key"):
                raise AuthenticationFailed("no such key")

        def authenticate_header(self, request):
            return ""

    class Orders(APIView):
        authentication_classes = (TokenAuthentication, BasicAuthentication)
        permission_classes = (IsAuthenticated,)

        def get(self, request):
            return Response({"user": request.user.username})

    class Admins(Orders):
        permission_classes = (IsAdminUser,)

    class Keyed(Orders):
        authentication_classes = (ByKey,)

    class Session(Orders):
        authentication_classes = (SessionAuthentication,)

    class Seldom(Orders):
        throttle_classes = (Twice,)

    urlpatterns += [
        path("orders", Orders.as_view()),
        path("admins", Admins.as_view()),
        path("keyed", Keyed.as_view()),
        path("session", Session.as_view()),
        path("seldom", Seldom.as_view()),
    ]

wsgi = WSGIHandler()
