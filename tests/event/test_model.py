import msgspec
import pytest

from sealtrail.event import FIELDS, canonical, check, decode, is_canonical
from sealtrail.event.codec import encode
from sealtrail.event.fields import ORDER
from sealtrail.event.model import Api, Audit, Authentication, Outbound, Request, constants

KINDS = [Request, Outbound, Authentication, Audit]


@pytest.mark.parametrize("kind", KINDS)
def test_fields_have_names_of_the_table_in_its_order(kind):
    names = kind.__struct_encode_fields__
    assert set(names) <= set(FIELDS)
    assert [ORDER[name] for name in names] == sorted(ORDER[name] for name in names)


def test_what_is_known_of_a_call_of_an_api_stands_together_in_its_request():
    names, whole = Api.__struct_encode_fields__, Request.__struct_encode_fields__
    first = whole.index(names[0])
    assert whole[first : first + len(names)] == names
    assert whole[first - 1] == "sealtrail.object.owner"


def test_constants_follow_every_field_of_an_event_in_order():
    names = list(
        decode(b"{" + constants("s", version="1", environment="e", node="n", host="h", pid=1)[1:] + b"}")
    )
    assert [ORDER[name] for name in names] == sorted(ORDER[name] for name in names)
    assert max(ORDER[name] for kind in KINDS for name in kind.__struct_encode_fields__) < ORDER[names[0]]
    assert ORDER[names[-1]] < ORDER["sealtrail.emitter"]


def test_what_is_not_known_is_not_written():
    assert constants("") == b',"ecs.version":"9.0.0","sealtrail.schema":1'


@pytest.mark.parametrize("kind", KINDS)
def test_a_line_with_every_field_is_canonical_and_valid(kind):
    samples = {
        "keyword": "x",
        "text": "x",
        "ip": "::1",
        "keywords": ["x"],
        "long": 1,
        "bool": True,
        "json": {"a": 1},
    }
    samples["time"] = "2026-11-24T08:00:00.000000Z"
    values = [samples[FIELDS[name].type] for name in kind.__struct_encode_fields__]
    event = kind(*values)
    event.kind = kind.__name__.lower()
    event.ecs_kind = "event"
    line = encode(event)[:-1] + constants("s", pid=1) + b',"sealtrail.emitter":"e","sealtrail.seq":0}'
    fields = decode(line)
    check(fields)
    assert is_canonical(line, fields)
    assert canonical(fields) == line
    assert len(fields) == len(values) + 6


def test_defaults_are_left_out_and_zero_bytes_are_not():
    event = Request("t", "i", "request", "event", (), (), "a", "success", response_bytes=0)
    fields = msgspec.json.decode(encode(event))
    assert fields["http.response.body.bytes"] == 0
    assert "http.response.status_code" not in fields
    assert "sealtrail.own" not in fields
