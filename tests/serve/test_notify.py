from __future__ import annotations

import socket

import pytest

from sealtrail.serve.notify import READY, STOPPING, tell


@pytest.mark.parametrize("abstract", [False, True])
def test_a_service_manager_hears_what_it_is_told(tmp_path, abstract):
    path = f"@sealtrail-{tmp_path.name}-{id(tmp_path)}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + path[1:] if abstract else path)
        for state in (READY, STOPPING):
            assert tell(state, {"NOTIFY_SOCKET": path})
            assert manager.recv(100) == state.encode()


@pytest.mark.parametrize("path", ["", "relative", "/nowhere/at/all", "@nobody-listens-here"])
def test_where_nobody_listens_nothing_happens(path):
    assert not tell(READY, {"NOTIFY_SOCKET": path} if path else {})


def test_a_server_tells_that_it_is_ready_and_that_it_stops(child, tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        process = child("-m", "sealtrail", "serve", "--data", tmp_path / "data", "--port", "0")
        assert manager.recv(100) == READY.encode()
        process.terminate()
        assert manager.recv(100) == STOPPING.encode()
        assert process.wait(30) == 0
