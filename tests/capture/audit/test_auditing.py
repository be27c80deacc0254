import asyncio

import pytest

import sealtrail
from sealtrail.errors import BusyError


def test_a_decorated_coroutine_is_recorded_when_it_ends(made, events):
    @sealtrail.audited("report.export", target=("report", "7"))
    async def export(fail):
        assert events() == before
        await asyncio.sleep(0)
        if fail:
            raise LookupError("x")
        return "done"

    before = []
    assert asyncio.run(export(False)) == "done"
    before = events()
    with pytest.raises(LookupError):
        asyncio.run(export(True))
    assert [e["event.outcome"] for e in events()] == ["success", "failure"]
    assert events()[1]["error.type"] == "LookupError"
    assert events()[0]["event.type"] == ["access"]


def test_a_target_that_raises_does_not_reach_the_caller(made, events):
    @sealtrail.audited("invoice.delete", target=lambda: 1 / 0)
    def delete(number):
        return number

    assert delete(5) == 5
    assert events()[0]["sealtrail.target.type"] == "unknown"


def test_a_decorated_function_keeps_its_name(made):
    @sealtrail.audited("a.b")
    def named():
        """Says so."""

    assert (named.__name__, named.__doc__) == ("named", "Says so.")


def test_an_exception_within_is_a_failure_and_goes_on(made, events):
    def promote():
        with sealtrail.auditing("user.role.update", target=("user", "42")) as act:
            act.before, act.after = {"role": "viewer"}, {"role": "admin"}
            raise KeyError("x")

    with pytest.raises(KeyError):
        promote()
    (event,) = events()
    assert (event["event.outcome"], event["error.type"]) == ("failure", "KeyError")
    assert event["sealtrail.change"] == [{"path": "role", "old": "viewer", "new": "admin"}]


def test_outcome_and_reason_may_be_set_within(made, events):
    with sealtrail.auditing("loan.approve", ticket="T-1") as act:
        act.outcome, act.reason = "unknown", "waits for a second person"
    (event,) = events()
    assert (event["event.outcome"], event["event.reason"], event["sealtrail.ticket"]) == (
        "unknown",
        "waits for a second person",
        "T-1",
    )
    assert "sealtrail.change" not in event


def test_secrets_in_a_difference_are_marked(made, events):
    with sealtrail.auditing("user.update") as act:
        act.before, act.after = {"password": "old-one-1"}, {"password": "new-one-2"}
    (event,) = events()
    assert event["sealtrail.redacted"] == ["sealtrail.change.password:password"]
    assert "one-" not in str(event)


def test_only_who_requires_a_record_is_told_that_there_is_none(made, monkeypatch):
    monkeypatch.setattr(made.spool, "write", lambda *_, **__: False)
    with sealtrail.auditing("a.b"):
        pass
    assert sealtrail.audit("a.b") is False
    with pytest.raises(BusyError) as caught:
        sealtrail.audit("a.b", required=True)
    assert caught.value.code == "busy.spool"
    with pytest.raises(BusyError), sealtrail.auditing("a.b", required=True):
        pytest.fail("the block was run")


def test_a_required_act_is_on_record_before_it_happens_and_again_at_its_end(made, events):
    @sealtrail.audited("invoice.delete", target=lambda number: ("invoice", number), required=True)
    def delete(number):
        seen.extend(events())
        if number == 8:
            raise LookupError(number)

    seen = []
    delete(7)
    (intent,) = seen
    assert (intent["event.type"], intent["event.outcome"]) == (["start"], "unknown")
    assert (intent["sealtrail.target.id"], intent["sealtrail.intent"]) == ("7", intent["event.id"])
    with pytest.raises(LookupError):
        delete(8)
    ends = [e for e in events() if e["event.type"] == ["deletion"]]
    assert [(e["sealtrail.target.id"], e["event.outcome"]) for e in ends] == [
        ("7", "success"),
        ("8", "failure"),
    ]
    assert ends[0]["sealtrail.intent"] == intent["event.id"]
    assert len({e["sealtrail.intent"] for e in events()}) == 2


def test_what_is_not_required_has_one_record_without_an_intent(made, events):
    with sealtrail.auditing("a.b") as act:
        assert act.recorded is None
    assert act.recorded is True
    assert "sealtrail.intent" not in events()[0]


def test_a_required_coroutine_does_not_run_unrecorded(made, monkeypatch):
    @sealtrail.audited("report.export", required=True)
    async def export():
        pytest.fail("the coroutine was run")

    monkeypatch.setattr(made.spool, "write", lambda *_, **__: False)
    with pytest.raises(BusyError):
        asyncio.run(export())


def test_what_was_begun_on_record_never_raises_at_its_end(made, monkeypatch, events):
    with sealtrail.auditing("a.b", required=True) as act:
        monkeypatch.setattr(made.spool, "write", lambda *_, **__: False)
    assert act.recorded is False
    assert [e["event.outcome"] for e in events()] == ["unknown"]
    monkeypatch.undo()
    act = sealtrail.auditing("a.b", required=True).__enter__()
    monkeypatch.setattr(made.spool, "write", lambda *_, **__: False)
    error = KeyError("the application's own")
    assert act.__exit__(KeyError, error, None) is None


def test_blocks_nest_and_may_be_asynchronous_and_say_for_whom(made, events):
    async def act():
        async with sealtrail.auditing("user.update", tenant="acme") as outer:
            async with sealtrail.auditing("user.role.update", required=True) as inner:
                inner.effective_id, inner.ticket = "alice", "T-2"
            outer.target = ("user", "42")

    asyncio.run(act())
    intent, inner, outer = events()
    assert intent["sealtrail.intent"] == inner["sealtrail.intent"]
    assert (inner["user.effective.id"], inner["sealtrail.ticket"]) == ("alice", "T-2")
    assert "organization.id" not in inner
    assert (outer["organization.id"], outer["sealtrail.target.id"]) == ("acme", "42")


def test_a_target_is_asked_for_before_the_call_changes_what_it_is_made_of(made, events):
    @sealtrail.audited("order.empty", target=lambda lines: ("order", lines[0]))
    def empty(lines):
        lines.clear()

    empty(["17"])
    assert events()[0]["sealtrail.target.id"] == "17"


def test_a_state_is_that_of_the_moment_it_was_set(made, events):
    row = {"role": "viewer", "tags": ["a"]}
    with sealtrail.auditing("user.update") as act:
        act.before = row
        row["role"] = "admin"
        row["tags"].append("b")
        act.after = row
    with sealtrail.auditing("user.update") as act:
        act.before, act.after = {}, {}
        act.before["role"] = "viewer"  # filled in afterwards
        act.after["role"] = "admin"
    assert [e["sealtrail.change"] for e in events()] == [
        [{"path": "role", "old": "viewer", "new": "admin"}, {"path": "tags[1]", "new": "b"}],
        [{"path": "role", "old": "viewer", "new": "admin"}],
    ]
    assert row == {"role": "admin", "tags": ["a", "b"]}


def test_an_object_may_be_watched(made, events):
    class User:
        def __init__(self):
            self.name, self.password, self._cache = "alice", "old-one-1", object()

    user = User()
    with sealtrail.auditing("user.update", target=("user", "42"), watch=user) as act:
        user.name, user.password = "bob", "new-one-2"
    assert act.recorded
    assert events()[0]["sealtrail.change"] == [
        {"path": "name", "old": "alice", "new": "bob"},
        {"path": "password", "old": "[redacted:password]", "new": "[redacted:password]"},
    ]


@pytest.mark.parametrize("required", [False, True])
def test_a_task_that_is_cancelled_within_leaves_a_record_that_says_so(made, events, required):
    @sealtrail.audited("report.send", required=required)
    async def send():
        await asyncio.sleep(3600)

    async def act():
        async with sealtrail.auditing("invoice.pay", required=required, target=("invoice", "1")) as block:
            block.before, block.after = {"paid": 0}, {"paid": 1}
            await send()

    async def main():
        task = asyncio.create_task(act())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    inner, outer = events()[-2:]
    for event in (inner, outer):
        assert (event["event.outcome"], event["event.reason"]) == ("unknown", "cancelled")
        assert event["error.type"] == "asyncio.exceptions.CancelledError"
        assert ("sealtrail.intent" in event) is required
    assert outer["sealtrail.change"] == [{"path": "paid", "old": 0, "new": 1}]
    assert [e["event.type"] == ["start"] for e in events()] == ([True, True] if required else []) + [
        False
    ] * 2


def test_what_is_thrown_away_half_way_is_recorded_when_it_is(made, events):
    @sealtrail.audited("report.send")
    async def send():
        await asyncio.sleep(3600)

    half = send()
    half.close()
    assert events() == []  # it was never begun

    async def begin():
        with sealtrail.auditing("report.read", reason="asked"):
            await Forever()

    half = begin()
    half.send(None)
    del half
    (event,) = events()
    assert (event["event.outcome"], event["event.reason"]) == ("unknown", "asked")
    assert event["error.type"] == "GeneratorExit"


class Forever:
    def __await__(self):
        while True:
            yield


def test_generators_are_recorded_when_they_end(made, events):
    @sealtrail.audited("report.read", required=True)
    def read(broken):
        yield 1
        if broken:
            raise KeyError
        yield 2

    @sealtrail.audited("report.follow")
    async def follow():
        yield 1
        yield 2

    async def main():
        found = follow()
        assert await anext(found) == 1
        await found.aclose()
        return [part async for part in follow()]

    assert list(read(broken=False)) == [1, 2]
    with pytest.raises(KeyError):
        list(read(broken=True))
    assert asyncio.run(main()) == [1, 2]
    assert [e["event.outcome"] for e in events()] == [
        *("unknown", "success"),
        *("unknown", "failure"),
        *("unknown", "success"),  # the first was closed half way
    ]


def test_what_is_sent_or_thrown_into_a_generator_reaches_it(made, events):
    said = []

    @sealtrail.audited("report.read")
    def read():
        said.append((yield 1))
        return "end"

    @sealtrail.audited("report.follow")
    async def follow():
        try:
            said.append((yield 1))
            yield 2
        except LookupError:
            said.append("rolled back")
            raise

    def reading():
        said.append((yield from read()))

    async def main(thrown):
        found = follow()
        assert [await anext(found), await found.asend("sent")] == [1, 2]
        if thrown:
            await found.athrow(LookupError("x"))
        await found.aclose()

    found = reading()
    next(found)
    with pytest.raises(StopIteration):
        found.send("given")
    assert said == ["given", "end"]
    asyncio.run(main(thrown=False))
    with pytest.raises(LookupError):
        asyncio.run(main(thrown=True))
    assert said[2:] == ["sent", "sent", "rolled back"]
    assert [e["event.outcome"] for e in events()] == ["success", "unknown", "failure"]
