"""What clients send that mean harm, to real servers: the answer is the bare application's, byte for byte but
for X-Request-ID, and what is recorded holds neither a control character nor a secret in any writing.
"""

from __future__ import annotations

import base64
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

SECRET = "hUnt3r2xQz9secretvalue"
S = SECRET.encode()
PATIENCE = 30.0

Headers = dict[bytes, bytes]

# Terminals and log viewers act on these, or show another text than there is.
HIDDEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]"
)


def encoded(text: bytes) -> bytes:
    return b"".join(b"%%%02x" % octet for octet in text)


def in_json(**held: object) -> bytes:
    return json.dumps(held).encode()


# How the secret may stand in a record: as it is, reversed, in hex, percent-encoded, in base64 at any offset.
WRITINGS = (
    S,
    S[::-1],
    S.hex().encode(),
    encoded(S),
    *(base64.b64encode(b"x" * n + S)[4 * bool(n) : -4].rstrip(b"=") for n in range(3)),
)

TARGETS = (
    b"/a%0d%0aX-Evil:%20y",
    b"/a%00b",
    b"/a%1b[31mred%1b]0;t%07",
    b"/a%c2%9b31m",
    b"/a%e2%80%aetxt.exe",
    b"/a%e2%80%a8b%e2%80%8f",
    b"/%c0%ae%c0%ae/%c0%af",
    b"/%ff%fe%ef%bf%be%ef%bb%bf",
    b"/%ed%a0%80%ed%b0%80",
    b"/caf\xc3\xa9",
    b"/%zz%4",
    b"/%250d%250a",
    b"/../../etc/passwd",
    b"//evil.example//x",
    b"/a;jsessionid=" + S + b"?x=1",
    b"/" + b"a" * 3900,
    b"/a??password=" + S,
    b"/a?" + b"&".join(b"a%d=%d" % (n, n) for n in range(400)),
    b"/a?q=" + b"x" * 3900,
    b"/a?" + b"[b]" * 1000 + b"=1",
    b"/a?=====&&&&",
    b"/a?q=%1b[2J&user=%1b[31m&name=a%0d%0ab&reason=%c2%9b&action=a%0ab&id=%e2%80%ae&kind=%00",
    b"/a?user=${jndi:ldap://x/y}&q=%3Cscript%3E&name==cmd|'/c%20calc'!A0",
    b"/a?user=%ed%a0%80&id=%ff&name=%ff&kind=%f4%90%80%80",
    b"/a?action=sealtrail.gap&user=anonymous&kind=alert",
    b"/raise/x%1b[31m%0d%0a?q=password%3D" + S,
    b"/raise/%ff?q=%ed%a0%80",
)

QUERIES = (
    b"password=" + S,
    b"%70assword=" + S,
    b"%2570assword=" + S,
    b"PassWord=" + S,
    b"user[password]=" + S,
    b"user%5Bpassword%5D=" + S,
    b"password=" + encoded(S),
    b"password=" + encoded(encoded(S)),
    b"q=" + base64.b64encode(b"password=" + S),
    b"q=" + quote(in_json(password=SECRET)).encode(),
    b"q=" + quote(quote(in_json(a={"api_key": SECRET}))).encode(),
    b"q=" + quote(base64.b64encode(in_json(password=SECRET))).encode(),
    b"a=1;password=" + S,
    b"pass+word=" + S,
    b"pass%00word=" + S,
    b"pass%e2%80%8bword=" + S,
    b"%20password%20=" + S,
    b"password=" + S + b"&password=%20" + S,
    b"a=1&amp;password=" + S,
    b"next=" + quote(f"https://x.example/cb?token={SECRET}").encode(),
    b"next=" + quote(quote(f"https://x.example/cb?token={SECRET}")).encode(),
    b"u=" + quote(f"https://bob:{SECRET}@x.example/").encode(),
    b"q=Bearer%20" + S,
    b"q=password%3A%20" + S,
    b"user.password=" + S,
)

HEADERS = (
    {b"User-Agent": b"\x1b[31m${jndi:ldap://x} \xff\xfe"},
    {b"User-Agent": b"u" * 7000},
    {b"Cookie": b"; ".join(b"c%d=%d" % (n, n) for n in range(600))},
    {b"Cookie": b"session=" + S + b"; csrftoken=" + S},
    {b"Authorization": b"Bearer " + S},
    {b"Authorization": b"Basic " + base64.b64encode(b"bob:" + S)},
    {b"Authorization": S},
    {b"Authorization": b"Bearer \xff\xfe" + S},
    {b"Authorization": b'Digest username="bob", response="' + S + b'"'},
    {b"Proxy-Authorization": b"Basic " + base64.b64encode(b"bob:" + S)},
    {b"X-Api-Key": S, b"X-Auth-Token": S, b"X-Amz-Security-Token": S},
    {b"X-Request-ID": b"a" * 7000},
    {b"X-Request-ID": b"a\x1b[31m"},
    {b"X-Request-ID": b"password=" + S},
    {b"X-Request-ID": base64.b64encode(b"password=" + S).rstrip(b"=")},
    {b"traceparent": b"00-" + b"a" * 7000, b"tracestate": b"\xff" * 100},
    {b"X-Forwarded-For": b", ".join([b"10.0.0.1"] * 800)},
    {b"X-Forwarded-For": b"\x1b[31m, ::ffff:1.2.3.4, [::1%25eth0]:80, '; drop table"},
    {b"Forwarded": b'for="_\x1b";host="evil";proto=javascript', b"X-Forwarded-Proto": b"javascript:alert(1)"},
    {b"Referer": b"https://x.example/?password=" + S + b"#token=" + S},
    {b"Content-Type": b"text/\x1b[31m; " + b"x" * 3000},
    {
        b"X-Note": b"password=" + S,
        b"X-User": b"\xff\xfe\x1b",
        b"X-Name": b"a\x7fb",
        b"X-Field": b"sealtrail.seq",
    },
    {b"X-Field": b"a\x1b.b" * 50, b"X-Action": b"a b\x1b[31m"},
    {b"X-H%d" % n: b"v" * 50 for n in range(80)},
    {b"x" * 7000: b"v"},
    {b"X-" + b"n" * 65_536: b"v"},
    {b"X-V": b"v" * 70_000},
    {b"Host": b"evil\x1b[31m"},
    {b"Host": b"a" * 5000},
    {b"Host": b"\xff\xfe.example"},
)

BODIES = (
    b"[" * 3000 + b"]" * 3000,
    b'{"a":' * 900 + b"1" + b"}" * 900,
    b'{"a":NaN,"b":Infinity,"c":1e999,"d":' + b"9" * 4000 + b"}",
    b'{"password":"x","password":"' + S + b'"}',
    b'{"a":"\xff\xfe"}',
    b'{"a":"\\ud800","\\udfff":"b"}',
    b'{"\\u001b[31m":"\\u0000\\u2028\\u202e\\u009b"}',
    in_json(user={"password": SECRET, "apiKey": SECRET, "x": [{"token": SECRET}]}),
    in_json(note=in_json(password=SECRET).decode()),
    in_json(note=base64.b64encode(in_json(password=SECRET)).decode()),
    in_json(**{"k" * 60_000: 1}),
    in_json(**{f"k{n}": n for n in range(3000)}),
    in_json(a="x" * 300_000),
    in_json(**{f"password={SECRET}": 1}),
    in_json(a='b\r\n{"event.action":"forged"}'),
    b"password=" + S + b"&a=1",
    b'{"p\\u0061ssword":"' + S + b'"}',
    b"-----BEGIN PRIVATE KEY-----\nMIIE" + base64.b64encode(S * 20) + b"\n-----END PRIVATE KEY-----",
    b"\x00\xff\x1b" * 500,
)

METHODS = (b"FOO", b"get", b"PROPFIND", b"M" * 500, b"TRACE", b"OPTIONS", b"HEAD", b"G\x1bT")


def attacks() -> Iterator[bytes]:
    """Requests up to the blank line that ends their heads, and their bodies, without one header's place."""
    for target in (*TARGETS, *(b"/a?" + query for query in QUERIES)):
        yield request(target)
    for headers in HEADERS:
        yield request(headers=headers)
    for body in BODIES:
        yield request(method=b"POST", headers={b"Content-Type": b"application/json"}, body=body)
    for method in METHODS:
        yield request(method=method)


def request(
    target: bytes = b"/a",
    *,
    method: bytes = b"GET",
    headers: dict[bytes, bytes] | None = None,
    body: bytes = b"",
) -> bytes:
    sent = {b"Host": b"shop.example", **(headers or {})}
    if body:
        sent[b"Content-Length"] = b"%d" % len(body)
    lines = b"".join(b"%b: %b\r\n" % pair for pair in sent.items())
    return b"%b %b HTTP/1.1\r\n%bConnection: close\r\n\r\n%b" % (method, target, lines, body)


def answer(port: int, sent: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        found = b""
        try:
            connection.sendall(sent)
            while part := connection.recv(65_536):
                found += part
        except ConnectionError:
            pass  # a server that refuses need not read to the end
        return found


def told(found: bytes) -> tuple[set[bytes], bytes]:
    """An answer without what differs each time. A set of methods has no order."""
    head, _, body = found.partition(b"\r\n\r\n")
    lines = {
        b",".join(sorted(line.split(b", "))) if line.lower().startswith(b"allow:") else line
        for line in head.replace(b"llow: ", b"llow:, ").split(b"\r\n")
        if not line.lower().startswith((b"date:", b"x-request-id:"))
    }
    return lines, body


@pytest.mark.parametrize(
    ("stack", "shop"), [("flask-gunicorn", "echo_flask"), ("fastapi-uvicorn", "echo_fastapi")]
)
def test_hostile_requests_change_no_answer_and_leave_nothing_to_run_or_to_steal(
    start, tmp_path, stack, shop
) -> None:
    source = (Path(__file__).parent / "shops" / f"{shop}.py").read_text()
    server = start(tmp_path, stack, source=source)
    served = 0
    for sent in attacks():
        found = answer(server.port, sent)
        bare = answer(server.port, sent.replace(b"\r\n", b"\r\nX-Bare: 1\r\n", 1))
        assert told(found) == told(bare), sent[:200]
        # An answer to an exception is Starlette's own, outside of everything.
        served += b"\r\nx-request-id:" in found.lower() or b" 500 " in found[:20]
    assert served > 90
    events = server.events(served)  # each line is canonical and passes the collector's door
    assert sum(event["event.action"] == "http.request" for event in events) == served
    server.stop()
    lines = server.lines()
    assert not [line for line in lines if HIDDEN.search(line.decode())]
    stolen = {
        line[max(line.find(w) - 60, 0) : line.find(w) + 30] for line in lines for w in WRITINGS if w in line
    }
    assert not stolen
    assert "sealtrail" not in (tmp_path / "server.log").read_text(errors="replace").replace("/sealtrail/", "")
