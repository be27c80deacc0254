import pytest
from django.conf import settings

from sealtrail.errors import UsageError

JSON = {"Content-Type": "application/json"}
DOCUMENT = b'{"user": {"name": "hush", "is_staff": true}}'
PARTS = (
    b'--B\r\nContent-Disposition: form-data; name="title"\r\n\r\nhush\r\n'
    b'--B\r\nContent-Disposition: form-data; name="scan"; filename="hush.txt"\r\n\r\n%b\r\n--B--\r\n'
) % (b"x" * 70_000)


@pytest.fixture
def looking(ask, monkeypatch):
    monkeypatch.setattr(settings, "SEALTRAIL", {**settings.SEALTRAIL, "api_fields": True})
    return ask


@pytest.mark.parametrize("how", ["body", "parts", "lines"])
def test_fields_are_told_however_a_view_reads_them(looking, events, how):
    answer = looking(f"/fields/{how}?dry_run=1", "POST", headers=JSON, body=DOCUMENT)
    assert answer.status == 200
    (event,) = events()
    assert event["sealtrail.request.fields"] == ["dry_run", "user", "user.name", "user.is_staff"]
    assert event["sealtrail.response.fields"] == ["rows", "rows.id", "rows.owner", "rows.owner.name"]
    assert event["sealtrail.response.count"] == 2
    assert "hush" not in str(event)


def test_fields_of_forms_and_files_are_told(looking, events):
    looking("/fields/post", "POST", body=b"name=hush&tags%5Bfirst%5D=1")
    headers = {"Content-Type": "multipart/form-data; boundary=B", "Content-Length": str(len(PARTS))}
    looking("/fields/post", "POST", headers=headers, body=PARTS)
    first, second = events()
    assert first["sealtrail.request.fields"] == ["name", "tags", "tags.first"]
    assert second["sealtrail.request.fields"] == ["title", "scan"]


def test_what_a_view_does_not_read_is_not_read_for_it(looking, events):
    looking("/fields/nothing", "POST", headers=JSON, body=DOCUMENT)
    assert "sealtrail.request.fields" not in events()[0]


def test_a_stream_is_counted_as_it_goes(looking, events):
    assert looking("/fields/nothing?stream=1").body == b'[{"id": 1},{"id": 2}]'
    (event,) = events()
    assert event["sealtrail.response.fields"] == ["id"]
    assert event["sealtrail.response.count"] == 2


def test_nothing_is_looked_at_unless_it_is_asked_for(ask, events):
    ask("/fields/body?dry_run=1", "POST", headers=JSON, body=DOCUMENT)
    assert not [name for name in events()[0] if name.endswith(".fields")]


def test_a_choice_that_is_none_is_refused(ask, monkeypatch):
    monkeypatch.setattr(settings, "SEALTRAIL", {**settings.SEALTRAIL, "api_fields": ["all"]})
    with pytest.raises(UsageError, match="api_fields has no 'all'"):
        ask("/id")
