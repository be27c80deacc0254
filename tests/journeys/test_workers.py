"""Processes that are forked, patched for greenlets, replaced, or started by requests: each is one emitter."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections import defaultdict
from pathlib import Path

import pytest

from sealtrail.event import check, decode
from sealtrail.spool.layout import segments

# Answers when as many wait as the query says, so that no process can do the work of the others.
TOGETHER = """

import itertools, pathlib

@app.get("/together")
def together():
    place = pathlib.Path("waiting")
    with place.open("a") as file:
        file.write("x")
    for _ in range(1000):
        if place.stat().st_size >= int(request.args["number"]):
            break
        time.sleep(0.01)
    return {"pid": os.getpid(), "id": sealtrail.request_id()}
"""

# A request that starts processes and greenlets; each acts once and says in which process.
FORKING = """

import multiprocessing

def act(name):
    sealtrail.audit(f"{name}.run", target=("request", sealtrail.request_id()))

@app.get("/start/<method>")
def begin(method):
    process = multiprocessing.get_context(method).Process(target=act, args=(method,))
    process.start()
    process.join()
    return {"code": process.exitcode}

@app.get("/fork")
def fork():
    child = os.fork()
    if child == 0:
        act("fork")
        raise SystemExit  # and not os._exit, as careful people write it
    os.waitpid(child, 0)
    return "forked"
"""

GREEN = """

import gevent
from gevent.threadpool import ThreadPool

@app.get("/green")
def green():
    act = sealtrail.carried(sealtrail.audit)
    gevent.joinall([gevent.spawn(act, "green.run", target=("n", n)) for n in range(3)])
    ThreadPool(1).apply(act, ("native.run",))
    gevent.sleep(0.05)  # others are served meanwhile
    sealtrail.audit("view.run")
    return sealtrail.request_id()
"""


def emitted(server):
    """Events by emitter. Each has one process and numbers without a gap, and no id comes twice."""
    found = defaultdict(list)
    for name, path in segments(server.spool):
        for line in path.read_bytes().splitlines(True):
            assert line.endswith(b"\n")
            event = decode(line)
            check(event)
            assert event["sealtrail.emitter"] == name.emitter
            found[name.emitter].append(event)
    for events in found.values():
        assert [event["sealtrail.seq"] for event in events] == list(range(len(events)))
        assert len({event["process.pid"] for event in events}) == 1
    ids = [event["event.id"] for events in found.values() for event in events]
    assert len(ids) == len(set(ids))
    return found


def at_once(server, number: int, target: str) -> list[tuple[int, bytes]]:
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(server.request("GET", target)[::2]))
        for _ in range(number)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.parametrize("how", ["", "--preload"])
def test_eight_forked_workers_are_eight_emitters_with_ids_of_their_own(tmp_path, start, how) -> None:
    # gunicorn makes gthread of sync where there are threads.
    arguments = ("--worker-class", "sync", "--threads", "1", *how.split())
    server = start(tmp_path, "flask-gunicorn", workers=8, added=TOGETHER, arguments=arguments)
    try:
        answers = at_once(server, 8, "/together?number=8")
        for _ in range(10):
            at_once(server, 16, "/items/7")
        server.events(8 + 160)
    finally:
        server.stop()
    pids = {json.loads(body)["pid"] for _, body in answers}
    events = emitted(server)
    assert len(pids) == len(events) == 8
    assert {of_one[0]["process.pid"] for of_one in events.values()} == pids
    every = [event for of_one in events.values() for event in of_one]
    assert len(every) == 8 + 160
    assert len({event["http.request.id"] for event in every}) == len(every)
    assert len({event["trace.id"] for event in every}) == len(every)
    assert len({event["span.id"] for event in every}) == len(every)


def test_greenlets_of_one_thread_keep_their_requests_apart(tmp_path, start) -> None:
    arguments = ("--worker-class", "gevent", "--worker-connections", "50")
    server = start(tmp_path, "flask-gunicorn", workers=2, added=TOGETHER + GREEN, arguments=arguments)
    try:
        # All of them wait at the same time in two processes: they are greenlets.
        together = at_once(server, 20, "/together?number=20")
        green = at_once(server, 20, "/green")
        assert server.request("GET", "/stream")[2] == b"x" * 30
        assert server.request("GET", "/broken")[2] == b"a" * 10
        assert server.request("GET", "/raise")[0] == 500
        server.events(20 + 20 * 6 + 3)
    finally:
        server.stop()
    every = [event for of_one in emitted(server).values() for event in of_one]
    ended = {e["http.request.id"]: e for e in every if e["sealtrail.kind"] == "request"}
    assert len(ended) == 43
    assert {json.loads(body)["id"] for _, body in together} <= set(ended)
    for _, body in green:
        acts = [e for e in every if e["http.request.id"] == body.decode() and e["sealtrail.kind"] == "audit"]
        assert sorted(e["event.action"] for e in acts) == [*["green.run"] * 3, "native.run", "view.run"]
        assert {e["trace.id"] for e in acts} == {ended[body.decode()]["trace.id"]}
    outcomes = {e["url.path"]: (e["event.outcome"], e["http.response.body.bytes"]) for e in ended.values()}
    assert outcomes["/stream"] == ("success", 30)
    assert outcomes["/broken"] == ("failure", 10)
    assert outcomes["/raise"][0] == "failure"


def test_processes_that_a_request_starts_have_segments_of_their_own_and_record_no_request(
    tmp_path, start
) -> None:
    # In a thread of a pool the exit would be the pool's, which goes on in the child.
    arguments = ("--worker-class", "sync", "--threads", "1")
    server = start(tmp_path, "flask-gunicorn", added=FORKING, arguments=arguments)
    try:
        codes = {}
        for method in ("fork", "forkserver", "spawn"):
            answer = server.request("GET", f"/start/{method}", X_Request_ID=f"started-{method}")
            codes[method] = json.loads(answer[2])["code"]
        server.request("GET", "/fork", X_Request_ID="forked")
        assert server.request("GET", "/items/1")[0] == 200
        server.events(5 + 4)
    finally:
        server.stop()
    assert codes == {"fork": 0, "forkserver": 0, "spawn": 0}
    events = [event for of_one in emitted(server).values() for event in of_one]
    requests = [event for event in events if event["sealtrail.kind"] == "request"]
    # The child goes out through the middleware into gunicorn, which may even let it serve on.
    assert len(requests) == len({event["http.request.id"] for event in requests}) == 5
    acts = {event["event.action"]: event for event in events if event["sealtrail.kind"] == "audit"}
    acted = [event["sealtrail.target.id"] for event in events if event["event.action"] == "fork.run"]
    # A fork knows the request that it comes from; a process that starts anew comes from none.
    assert sorted(acted) == ["forked", "started-fork"]
    assert "http.request.id" not in acts["forkserver.run"]
    assert "http.request.id" not in acts["spawn.run"]
    started = {event["process.pid"] for event in events if event["sealtrail.kind"] == "audit"}
    assert len(started) == 4
    parents = {event["process.pid"] for event in requests if event["url.path"] != "/items/1"}
    assert len(parents) == 1
    assert started.isdisjoint(parents)


def reloaded(server, source: Path, pids: list[int]) -> int:
    """Change the source until another process answers: a reloader that has only begun takes it as it is."""
    for _ in range(3):
        source.write_text(f"{source.read_text()}\n# changed\n")
        os.utime(source, (source.stat().st_atime, source.stat().st_mtime + 10))
        with contextlib.suppress(AssertionError):
            server.wait(lambda: server.worker() not in {0, *pids})
            break
    worker: int = server.worker()
    assert worker not in {0, *pids}
    return worker


@pytest.mark.parametrize(
    ("stack", "argument"), [("fastapi-uvicorn", "--reload"), ("flask-werkzeug", "--debug")]
)
def test_a_reload_loses_no_event_and_the_new_process_is_another_emitter(
    tmp_path, start, stack, argument
) -> None:
    server = start(tmp_path, stack, arguments=(argument,))
    try:
        pids = [server.worker()]
        for _ in range(2):
            for number in range(5):
                assert server.request("GET", f"/items/{number}")[0] == 200
            pids.append(reloaded(server, tmp_path / "shop_app.py", pids))
        server.forget()
    finally:
        server.stop()
    events = emitted(server)
    assert {of_one[0]["process.pid"] for of_one in events.values()} >= set(pids)
    assert len(events) >= 3
    assert 0 <= sum(map(len, events.values())) - server.asked <= server.cut
