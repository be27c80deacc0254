"""What every suite may ask for: the folder of real inputs, one way for hypothesis to run, a clean place."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import hypothesis
import pytest

from sealtrail.event import Fields, check, decode, is_canonical
from sealtrail.spool.layout import segments

if TYPE_CHECKING:
    from sealtrail.serve.running import Served

# The same examples on every machine: a failure in CI is a failure here. `HYPOTHESIS_PROFILE=explore` looks
# further, with other examples in every run.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None, database=None)
hypothesis.settings.register_profile("explore", max_examples=2000, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

REPOSITORY = Path(__file__).resolve().parent.parent

# Resolved before any test moves to a folder of its own: the path may be relative.
_NAMED = os.environ.get("SEALTRAIL_CORPORA")
_CORPORA = Path(_NAMED).resolve() if _NAMED else None
_TEST_SWITCHES = frozenset({"SEALTRAIL_CHROMIUM", "SEALTRAIL_CORPORA", "SEALTRAIL_FOREIGN", "SEALTRAIL_SOAK"})


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of real inputs. Tests that use it carry the mark `corpus`."""
    if _CORPORA is None:
        pytest.skip("SEALTRAIL_CORPORA is not set")
    if not _CORPORA.is_dir():
        pytest.fail(f"SEALTRAIL_CORPORA names {_CORPORA}, which is not a folder")
    return _CORPORA


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout these tests belong to."""
    return REPOSITORY


@pytest.fixture(scope="session")
def events_in() -> Callable[[Path], list[Fields]]:
    """Every event in a spool folder; each line is canonical and passes the collector's door."""

    def read(spool: Path) -> list[Fields]:
        found = []
        for _, path in segments(spool):
            for line in path.read_bytes().splitlines():
                fields = decode(line)
                assert is_canonical(line, fields)
                check(fields)
                found.append(fields)
        return found

    return read


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """The folder an application of this test records into."""
    return tmp_path / "spool"


@pytest.fixture
def events(spool: Path, events_in: Callable[[Path], list[Fields]]) -> Callable[[], list[Fields]]:
    """Every event recorded so far."""
    return lambda: events_in(spool)


@pytest.fixture(autouse=True)
def _own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test runs in a folder of its own, and no setting of the machine reaches it.

    Defaults such as `sealtrail-data` are relative to the working folder: nothing may land in the checkout.
    """
    monkeypatch.chdir(tmp_path)
    for name in [n for n in os.environ if n.startswith("SEALTRAIL_") and n not in _TEST_SWITCHES]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / ".state"))  # where commands keep what was signed


class Server:
    """A collector behind its real door on a free port, with a key of every role."""

    def __init__(self, data: Path, served: Served) -> None:
        from sealtrail.accounts.keys import Keys
        from sealtrail.accounts.roles import ROLES
        from sealtrail.serve.folder import Folder

        self.data = data
        self.served = served
        self.url = served.url
        keys = Keys(Folder(data).keys)  # as if they had been there before: no event of a test's record
        self.keys = {role: keys.new(role)[1] for role in ROLES}
        self.http = httpx.Client(base_url=served.url, timeout=20)

    def as_(self, role: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.keys[role]}"}

    def send(self, *events: dict[str, object], role: str = "ingest", **headers: str) -> httpx.Response:
        body = "\n".join(json.dumps(one) for one in events)
        return self.http.post("/api/v1/events", content=body, headers={**self.as_(role), **headers})

    def get(self, path: str, role: str = "viewer", **params: str) -> httpx.Response:
        return self.http.get(path, params=params, headers=self.as_(role))


@pytest.fixture(scope="session")
def serving() -> Callable[..., AbstractContextManager[Server]]:
    """`serving(data, settings, **options)`: a `Server` over a data folder, gracefully stopped at the end."""
    from sealtrail.serve.running import Served

    @contextmanager
    def opened(data: Path, settings: str = "", **options: Any) -> Iterator[Server]:
        data.mkdir(parents=True, exist_ok=True)
        (data / "settings.toml").write_text(settings)
        with Served(data, port=0, **options) as served:
            end = served.in_background()
            made = Server(data, served)
            try:
                yield made
            finally:
                made.http.close()
                end()

    return opened


class Authority:
    """A timestamp authority that OpenSSL runs: `root` is the PEM file to trust, `reply` answers a query."""

    _CONFIG = """\
[req]
distinguished_name = dn
prompt = no
[dn]
CN = A test
[ca]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign,cRLSign
[tsa]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
[stamping]
serial = serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ess_cert_id_chain = no
"""  # without `certs=`: what rfc3161-client cannot read

    def __init__(self, folder: Path, name: str = "Test Root") -> None:
        folder.mkdir(parents=True)
        self.folder, self.root = folder, folder / "root.pem"
        (folder / "tsa.cnf").write_text(self._CONFIG)
        (folder / "serial").write_text("01\n")
        for key in ("root", "tsa"):
            self.openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", f"{key}.key")
        self.openssl(
            *("req", "-x509", "-new", "-key", "root.key", "-subj", f"/CN={name}", "-days", "30"),
            *("-config", "tsa.cnf", "-extensions", "ca", "-out", "root.pem"),
        )
        self.openssl(
            *("req", "-new", "-key", "tsa.key", "-subj", "/CN=Test TSA", "-config", "tsa.cnf", "-out", "csr")
        )
        self.openssl(
            *("x509", "-req", "-in", "csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial"),
            *("-days", "30", "-extfile", "tsa.cnf", "-extensions", "tsa", "-out", "tsa.pem"),
        )

    def openssl(self, *arguments: str) -> bytes:
        ran = subprocess.run(["openssl", *arguments], cwd=self.folder, capture_output=True, timeout=60)
        assert ran.returncode == 0, ran.stderr.decode()
        return ran.stdout

    def reply(self, query: bytes) -> bytes:
        (self.folder / "query").write_bytes(query)
        self.openssl(
            *("ts", "-reply", "-config", "tsa.cnf", "-section", "stamping", "-queryfile", "query"),
            *("-inkey", "tsa.key", "-signer", "tsa.pem", "-out", "reply"),
        )
        return (self.folder / "reply").read_bytes()

    def verifies(self, token: Path, text: Path) -> bool:
        """What OpenSSL says of a token over a text."""
        ran = subprocess.run(
            ["openssl", "ts", "-verify", "-in", token, "-data", text, "-CAfile", self.root],
            capture_output=True,
            timeout=60,
        )
        return ran.returncode == 0


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A timestamp authority of OpenSSL's, and another one: `authority.other`."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    pytest.importorskip("rfc3161_client", reason="this environment is older than the lock: `make setup`")
    made = Authority(tmp_path_factory.mktemp("tsa") / "one")
    made.other = Authority(made.folder.parent / "other", "Other Root")  # type: ignore[attr-defined]
    return made
