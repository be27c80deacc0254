from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sealtrail.errors import UsageError
from sealtrail.event import canonical
from sealtrail.serve.folder import Folder
from sealtrail.serve.notifying import try_channels
from sealtrail.serve.reading import Reading
from sealtrail.serve.writing import Collector


@pytest.fixture
def webhook():
    got = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"json://127.0.0.1:{server.server_address[1]}/token", got
        server.shutdown()


def folder_with(tmp_path, url, mode=0o600):
    folder = Folder(tmp_path / "data")
    folder.create()
    path = folder.root / "settings.toml"
    path.write_text(f'[notify]\nurls = ["{url}"]\n')
    path.chmod(mode)
    return folder


def test_an_alert_of_a_running_collector_reaches_the_webhook_and_the_trail_says_so(
    tmp_path, webhook, line, until
):
    url, got = webhook
    folder = folder_with(tmp_path, url)
    with Collector(folder) as collector:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
        lines = []
        for seq in range(10):
            _, fields = line(seq)
            more = {"event.action": "authn_login_fail", "sealtrail.kind": "authentication"}
            fields |= {"@timestamp": f"{moment}.{seq:06}Z", "client.ip": "203.0.113.9", **more}
            lines.append((canonical(fields), fields))
        collector.submit("key:1", lines)
        until(lambda: got)
        until(lambda: collector.guard.notices.waiting() == {"json-1": 0})
        assert "Brute force of logins from one address" in got[0]["title"]
    rows = Reading.open(folder).search("event.action:sealtrail.notice")
    (alert,) = Reading.open(folder).search("sealtrail.kind:alert")
    assert [(row.fields["event.outcome"], row.fields["sealtrail.notice.alerts"]) for row in rows] == [
        ("success", [alert.fields["event.id"]])
    ]
    assert "token" not in json.dumps([row.fields for row in rows])


def test_a_test_notice_arrives_and_is_recorded_without_a_server(tmp_path, webhook):
    url, got = webhook
    folder = folder_with(tmp_path, url)
    assert [(one.channel, one.why) for one in try_channels(folder.root, "root")] == [("json-1", "")]
    assert "this is a test" in got[0]["title"]
    (row,) = Reading.open(folder).search("event.action:sealtrail.notice")
    assert (row.fields["user.id"], row.fields["event.outcome"]) == ("root", "success")


def test_without_addresses_and_with_a_readable_file_it_says_what_to_do(tmp_path, webhook):
    folder = folder_with(tmp_path, webhook[0], mode=0o640)
    with pytest.raises(UsageError) as refused:
        try_channels(folder.root, "root")
    assert "chmod 600" in refused.value.hint
    assert "token" not in str(refused.value)
    with pytest.raises(UsageError), Collector(folder):
        pass
    (folder.root / "settings.toml").write_text("")
    with pytest.raises(UsageError, match="no addresses"):
        try_channels(folder.root, "root")
