"""A server to call, plain and behind TLS, and a request in which the calls are made."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sealtrail.capture import context, recorder
from sealtrail.capture.context import Actor, Call


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.seen.append((self.path, dict(self.headers.items())))
        size = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(size)
        if self.path.startswith("/hop"):
            self.send_response(302)
            self.send_header("Location", self.server.to)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if self.path.startswith("/cut"):
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"x" * 10)
            self.close_connection = True
            return
        if self.path.startswith("/chunks"):
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for _ in range(3):
                self.wfile.write(b"4\r\nabcd\r\n")
            self.wfile.write(b"0\r\n\r\n")
            return
        body = b"y" * 70_000 if self.path.startswith("/large") else b'{"a": 1}'
        self.send_response(404 if self.path.startswith("/missing") else 200)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_BREW = do_GET  # noqa: N815 - as the standard library calls them

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Clients of these tests go away in the middle."""


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A certificate that signed itself, for 127.0.0.1 and localhost."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Payments"),
            x509.NameAttribute(NameOID.COMMON_NAME, "localhost"),
        ]
    )
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=7))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    pem, private = folder / "server.pem", folder / "server.key"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return SimpleNamespace(
        pem=str(pem),
        key=str(private),
        sha256=made.fingerprint(hashes.SHA256()).hex(),
        end=made.not_valid_after_utc,
    )


def _served(tls: ssl.SSLContext | None = None) -> Iterator[SimpleNamespace]:
    server = _Server(("127.0.0.1", 0), _Answer)
    server.seen, server.to = [], "/ok"
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    scheme = "http" if tls is None else "https"
    port = server.server_address[1]
    yield SimpleNamespace(url=f"{scheme}://127.0.0.1:{port}", port=port, seen=server.seen, server=server)
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def server() -> Iterator[SimpleNamespace]:
    yield from _served()


@pytest.fixture
def secure(certificate: SimpleNamespace) -> Iterator[SimpleNamespace]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate.pem, certificate.key)
    yield from _served(tls)


@pytest.fixture(autouse=True)
def made(spool: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[recorder.Recorder]:
    """The recorder of calls outside of requests; with the default it is the only one."""
    monkeypatch.setattr(recorder, "_default", None)
    monkeypatch.delenv("HTTP_PROXY", raising=False)
    made = recorder.configured("shop", spool=spool)
    yield made
    assert made.errors == 0
    made.spool.close()


@pytest.fixture
def inside(made: recorder.Recorder) -> Iterator[Call]:
    """A request of u1, in which the calls are made."""
    call = Call()
    call.recorder = made
    call.request_id, call.trace_id, call.span_id = "request-1", "a" * 32, "b" * 16
    call.actor = Actor("u1", "", (), "acme")
    before = context.current.set(call)
    yield call
    context.current.reset(before)
