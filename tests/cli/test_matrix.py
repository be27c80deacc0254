"""Every command x every role and nobody, over a URL; and x its owner and a stranger, on a folder.

A new command needs a line in WAYS. That line is the decision who may use it, or this fails.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest
from click.testing import CliRunner

from sealtrail.accounts.roles import ROLES
from sealtrail.cli.main import main
from sealtrail.ledger.cosign import WitnessKey
from sealtrail.serve.access import keys_of
from sealtrail.spool.disk import Spool

LOG = '203.0.113.9 - - [24/Nov/2026:08:00:00 +0000] "GET /invoices/17 HTTP/1.1" 200 512 "-" "curl/8"\n'
PASSWORD = "nine green boats at anchor\n"
ADDRESS = "203.0.113.77"


class Way(NamedTuple):
    """How to call a command, and who may.

    `need` is the right it takes over --url; FOLDER: only who owns the folder, on its machine; ANYBODY: no
    folder is touched. `owner` is the exit code for the owner beside a running server, `code` why it is
    not 0; None: not run here.
    """

    need: str
    line: str
    owner: int | None = 0
    code: str = "ledger.locked"


FOLDER, ANYBODY = "folder", "anybody"
WAYS = {
    "demo": Way(FOLDER, "demo --once --data {data}", None),  # tests/demo runs it
    "serve": Way(FOLDER, "serve --port 0 --data {data}", 2),
    "ship": Way("send", "ship --once --url http://127.0.0.1:1 --key {shut} --spool {spool}", None),
    "import": Way(FOLDER, "import {log} --data {data}"),
    "search": Way("read", "search url.path:*"),
    "tail": Way("read", "tail"),
    "count": Way("read", "count"),
    "sql": Way("export", "sql FROM~events"),
    "verify": Way(FOLDER, "verify {data}"),
    "witness add": Way(FOLDER, "witness add w2 {witness} http://127.0.0.1:1 --data {data}"),
    "witness list": Way(FOLDER, "witness list --data {data}"),
    "witness remove": Way(FOLDER, "witness remove w1 --data {data}"),
    # It runs until it is stopped.
    "witness serve": Way(FOLDER, "witness serve --port 0 --dir {data}/witness", None),
    "prove": Way("prove", "prove audit/0"),
    "export": Way("export", "export *"),
    "report": Way("export", "report soc2-2017 --from yesterday --to today --out {out}/report"),
    "review sign": Way("review", "review sign --day yesterday --note tested"),
    "review list": Way("read", "review list"),
    "retain plan": Way("read", "retain plan"),
    "retain run": Way(FOLDER, "retain run --data {data}"),
    "hold place": Way("hold", "hold place matter --query * --reason tested"),
    "hold list": Way("hold", "hold list"),
    "hold release": Way("hold", "hold release matter --reason tested"),
    "rules check": Way(ANYBODY, "rules check"),
    "rules list": Way(ANYBODY, "rules list"),
    "rules test": Way(ANYBODY, "rules test"),
    "scrub": Way(ANYBODY, "scrub --text x"),
    "key list": Way(FOLDER, "key list --data {data}"),
    "key new": Way(FOLDER, "key new --role admin --data {data}"),
    "key revoke": Way(FOLDER, "key revoke {spare} --data {data}"),
    "signer list": Way(FOLDER, "signer list --data {data}"),
    "signer protect": Way(FOLDER, "signer protect --data {data}", 2, "usage.setting"),
    "signer serve": Way(FOLDER, "signer serve --keys {data}/keys --listen unix:{out}/s", None),
    "signer rotate": Way(FOLDER, "signer rotate --data {data}"),
    "signer revoke": Way(FOLDER, "signer revoke audit --since 1 --data {data}"),
    "person add": Way(FOLDER, "person add ann --role viewer --password-stdin --data {data}"),
    "person list": Way(FOLDER, "person list --data {data}"),
    "person role": Way(FOLDER, "person role ann --role auditor --data {data}"),
    "person password": Way(FOLDER, "person password ann --password-stdin --data {data}"),
    "person sign-out": Way(FOLDER, "person sign-out ann --data {data}"),
    "person link": Way(FOLDER, "person link ann --data {data}"),
    "person remove": Way(FOLDER, "person remove ann --data {data}"),
    "alerts list": Way("read", "alerts list"),
    "alerts show": Way("read", "alerts show {alert}"),
    "alerts ack": Way("respond", "alerts ack {alert}"),
    "alerts close": Way("respond", "alerts close {alert} --reason tested"),
    "alerts reopen": Way("respond", "alerts reopen {alert}"),
    "notify test": Way(FOLDER, "notify test --data {data}", 2, "usage.setting"),
    "block": Way("respond", f"block {ADDRESS} --reason tested"),
    "blocks": Way("enforce", "blocks"),
    "unblock": Way("respond", f"unblock {ADDRESS} --reason tested"),
    "rebuild": Way(FOLDER, "rebuild --data {data}", 2),
    "doctor": Way(FOLDER, "doctor --data {data}"),
    "backup": Way(FOLDER, "backup {out}/backup --data {data}"),
    "restore": Way(FOLDER, "restore {backup} {out}/restored"),
}


def leaves(command: click.Command, ctx: click.Context, *names: str) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            found = command.get_command(ctx, name)
            assert found is not None
            yield from leaves(found, ctx, *names, name)
    else:
        yield " ".join(names), command


COMMANDS = dict(leaves(main, click.Context(main)))


def words(way: Way, place: dict[str, str], *more: str) -> list[str]:
    line = [word.replace("~", " ").format(**place) for word in way.line.split()]
    if way.need not in {FOLDER, ANYBODY, "send"} and not more:
        more = ("--data", place["data"])
    return [*line, *more]


@pytest.fixture(scope="module")
def server(serving: Callable[..., AbstractContextManager[Any]]) -> Iterator[Any]:
    """A collector in a folder that others could reach, with an alert in it."""
    root = Path(tempfile.mkdtemp())
    root.chmod(0o755)
    (root / "access.log").write_text(LOG)
    try:
        with serving(root / "data", "[ledger]\ncheckpoint-seconds = 0.0\n") as made:
            made.data.chmod(0o700)
            (made.data / "settings.toml").chmod(0o600)
            guess = {
                "event.action": "authn_login_fail",
                "sealtrail.kind": "audit",
                "client.ip": "203.0.113.66",
                "@timestamp": "2026-11-24T08:00:00Z",
            }
            assert made.send(*[guess] * 12).status_code == 200
            assert made.served.collector.settle()
            yield made
    finally:
        shutil.rmtree(root)


@pytest.fixture
def place(server: Any, tmp_path: Path) -> dict[str, str]:
    (alert, *_) = server.get("/api/v1/alerts", state="all").json()["alerts"]
    keys = [WitnessKey(f"w{n}.example", 4, bytes((n,)) * 32).key.text for n in (1, 2)]
    (server.data / "witnesses").write_text(f"witness w1 {keys[0]}\n")
    spool = Spool(server.data.parent / "spool")  # something to send, for `ship`
    assert spool.write(b'{"@timestamp":"2026-11-24T08:00:00.000000Z","event.id":"x","event.action":"x"')
    spool.close()
    return {
        "spool": str(spool.folder),
        "shut": "st_x_x",
        "data": str(server.data),
        "log": str(server.data.parent / "access.log"),
        "out": str(tmp_path),
        "backup": str(tmp_path / "backup"),
        "alert": alert["id"],
        "witness": keys[1],
        "spare": keys_of(server.data).new("viewer")[0],
    }


def test_for_every_command_it_was_decided_who_may_use_it():
    assert set(WAYS) == set(COMMANDS)


def test_a_command_goes_over_a_url_where_a_right_was_named_for_it_and_nowhere_else():
    remote = {
        name
        for name, command in COMMANDS.items()
        if "--url" in [option for one in command.params for option in one.opts]
    }
    assert remote == {name for name, way in WAYS.items() if way.need not in {FOLDER, ANYBODY}}


@pytest.mark.parametrize("role", ROLES)
def test_over_a_url_each_role_does_what_its_rights_allow_and_nothing_else(server, place, role):
    wrong = []
    for name, way in WAYS.items():
        if way.need in {FOLDER, ANYBODY}:
            continue
        done = CliRunner().invoke(main, words(way, place, "--url", server.url, "--key", server.keys[role]))
        if way.need in ROLES[role]:
            # As its owner: what was let in may still ask for what is not there.
            right = done.exit_code == (way.owner or 0) and "[access." not in done.stderr
        else:
            right = done.exit_code == 2 and "[access.denied]" in done.stderr and not done.stdout
        if not right:
            wrong.append((name, done.exit_code, done.output[-300:]))
    assert not wrong


def test_over_a_url_nobody_does_anything_without_a_good_key(server, place):
    name, revoked = keys_of(server.data).new("admin")
    keys_of(server.data).revoke(name)
    wrong = []
    for command, way in WAYS.items():
        if way.need in {FOLDER, ANYBODY}:
            continue
        for code, key in (
            ("access.missing", ("--key", "")),
            ("access.denied", ("--key", revoked)),
            ("access.denied", ("--key", server.keys["admin"][:-1] + "x")),
        ):
            done = CliRunner().invoke(main, words(way, place, "--url", server.url, *key))
            if done.exit_code != 2 or f"[{code}]" not in done.stderr or done.stdout:
                wrong.append((command, code, done.exit_code, done.output[-300:]))
    assert not wrong


def test_on_its_folder_the_owner_may_do_everything_that_one_writer_allows(server, place):
    wrong = []
    for name, way in WAYS.items():
        if way.owner is None:
            continue
        done = CliRunner().invoke(main, words(way, place), input=PASSWORD)
        if done.exit_code != way.owner or (way.owner and f"[{way.code}]" not in done.stderr):
            wrong.append((name, done.exit_code, done.output[-300:]))
    assert not wrong


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("mode", [0o700, 0o755], ids=oct)
def test_on_a_folder_another_user_of_the_machine_may_do_nothing(server, place, mode):
    """Also where somebody opened the folder itself by mistake: what is in it stays shut."""
    away = Path(tempfile.mkdtemp(dir=server.data.parent))
    os.chown(away, 65534, 65534)
    place |= {"out": str(away), "backup": place["data"]}
    server.data.chmod(mode)
    before = sorted(str(path) for path in (server.data / "keys").rglob("*"))
    lines = [words(way, place) for way in WAYS.values()]
    try:
        ran = subprocess.run(
            [sys.executable, Path(__file__).with_name("stranger.py"), away],
            input=json.dumps(lines),
            capture_output=True,
            text=True,
            timeout=120,
        )
    finally:
        server.data.chmod(0o700)
    assert ran.returncode == 0, ran.stderr
    wrong = []
    for (name, way), (code, out, complaint, raised) in zip(WAYS.items(), json.loads(ran.stdout), strict=True):
        if way.need == ANYBODY:
            right = code == 0
        elif name == "doctor" and mode == 0o755:
            # It reports, and what it reports is that it may not look.
            right = code == 1 and "fail  folder: [Errno 13] Permission denied" in out and "ledger" not in out
        else:
            # Named by click, which looks at folders that are arguments, or by our own code.
            named = "[usage.path]" in complaint or "Invalid value" in complaint
            right = code == 2 and not out and not raised and named
        if not right:
            wrong.append((name, code, out[-200:], complaint[-300:], raised))
    assert not wrong
    assert sorted(str(path) for path in (server.data / "keys").rglob("*")) == before
