import os
import re
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.capture.ids import (
    is_plain_traceparent,
    moment,
    new_id,
    new_ids,
    parse_traceparent,
    valid_request_id,
    written,
)

# Python 3.12 warns of a fork beside threads; that it works is what is tested.
pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")


def test_an_id_is_a_uuid_of_version_7_of_this_millisecond():
    before = time.time_ns() // 1_000_000
    made = uuid.UUID(new_id())
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert before <= made.int >> 80 <= time.time_ns() // 1_000_000


def test_threads_never_make_the_same_id():
    made = []

    def make():
        made.extend([new_id() for _ in range(5000)])

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 20_000


def test_a_forked_child_makes_other_ids():
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, f"{new_id()[14:]} {new_ids(time.time())[1]}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs, their_span = os.read(read, 100).decode().split()
    os.close(read)
    os.close(write)
    assert theirs[:14] != new_id()[14:28]
    assert their_span[:8] != new_ids(time.time())[1][:8]


def test_span_ids_are_sixteen_digits_and_differ():
    made = {new_ids(time.time())[1] for _ in range(1000)}
    assert len(made) == 1000
    assert all(re.fullmatch(r"[0-9a-f]{16}", span) and int(span, 16) for span in made)


TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def test_a_traceparent_gives_the_callers_trace_and_span():
    assert parse_traceparent(f"00-{TRACE}-{SPAN}-01") == (TRACE, SPAN)
    assert parse_traceparent(f"cc-{TRACE}-{SPAN}-01-what-the-future-brings") == (TRACE, SPAN)


@pytest.mark.parametrize(
    "header",
    [
        "",
        f"00-{TRACE}-{SPAN}",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01\n",
        f"cc-{TRACE}-{SPAN}-01-" + "x" * 300,
    ],
)
def test_a_traceparent_that_the_standard_says_to_ignore_is_ignored(header):
    assert parse_traceparent(header) is None


@pytest.mark.parametrize("text", ["a", "req_01.x-Y", "Root=1-67891233-abcdef01", "x" * 128])
def test_usual_request_ids_are_taken(text):
    assert valid_request_id(text)


@pytest.mark.parametrize("text", ["", "x" * 129, "a b", "a\nb", "a\r\nSet-Cookie: x", '"', "é", "-x"])
def test_other_request_ids_are_not(text):
    assert not valid_request_id(text)


def test_a_moment_has_six_digits_of_a_second_and_is_now():
    before = datetime.now(UTC)
    text = moment()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", text)
    # A float is cut to the microsecond, which may be the one before.
    early = before - timedelta(microseconds=2)
    assert early <= datetime.fromisoformat(text) <= datetime.now(UTC)


@given(st.floats(0, 4_102_444_800))
def test_a_moment_is_written_to_the_microsecond(now):
    text = written(now)
    assert len(text) == len("2026-01-01T00:00:00.000000Z")
    assert abs((datetime.fromisoformat(text) - datetime.fromtimestamp(0, UTC)).total_seconds() - now) <= 2e-6


@given(st.from_regex(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", fullmatch=True))
def test_a_header_as_nearly_all_send_it_is_read_like_any_other(text):
    found = (text[3:35], text[36:52]) if is_plain_traceparent(text) else None
    assert found == parse_traceparent(text)
