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
        pass
    with pytest.raises(KeyError), sealtrail.auditing("a.b", required=True):
        raise KeyError("the application's own error comes first")
