import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import gevent
import pytest

import sealtrail


@pytest.fixture
def within(app):
    """Runs something inside of a request; the request's id and what it returned."""

    def within(work):
        found = []

        @app.get("/within")
        def view():
            sealtrail.actor("u1")
            found.append(work())
            return sealtrail.request_id()

        return app.test_client().get("/within").text, found[0]

    return within


def test_a_thread_of_its_own_knows_the_request_only_if_it_is_carried_there(within):
    def work():
        seen = {}

        def look(name):
            seen[name] = sealtrail.request_id()

        for name, target in (("bare", look), ("carried", sealtrail.carried(look))):
            thread = threading.Thread(target=target, args=(name,))
            thread.start()
            thread.join()
        return seen

    request, seen = within(work)
    assert seen == {"bare": "", "carried": request}


def test_one_carried_function_runs_in_many_threads_at_once_and_leaves_nothing_behind(within, events):
    gate = threading.Barrier(4)

    def act(number):
        gate.wait(30)
        sealtrail.audit("item.update", target=("item", number))
        return number

    with ThreadPoolExecutor(4) as pool:
        request, numbers = within(lambda: list(pool.map(sealtrail.carried(act), range(4))))
        left = set(pool.map(lambda _: sealtrail.request_id(), range(8)))
    assert numbers == [0, 1, 2, 3]
    assert left == {""}
    acts = [event for event in events() if event["sealtrail.kind"] == "audit"]
    assert {(act["http.request.id"], act["user.id"]) for act in acts} == {(request, "u1")}
    assert len(acts) == 4


def test_after_the_request_its_acts_still_carry_its_ids_and_the_next_request_is_not_taken_for_it(
    app, within, events
):
    request, work = within(lambda: sealtrail.carried(partial(sealtrail.audit, "mail.send")))
    assert work() is True
    assert sealtrail.request_id() == ""
    ended, act = events()
    assert act["http.request.id"] == ended["http.request.id"] == request
    assert (act["trace.id"], act["span.id"]) == (ended["trace.id"], ended["span.id"])


def test_a_coroutine_is_carried_to_another_loop(within):
    async def look():
        await asyncio.sleep(0)
        return sealtrail.request_id()

    request, work = within(lambda: sealtrail.carried(look))
    assert asyncio.iscoroutinefunction(work)

    async def main():
        return await work(), sealtrail.request_id()

    assert asyncio.run(main()) == (request, "")


def test_a_coroutine_that_another_context_closes_says_nothing_about_it(within):
    async def wait():
        await asyncio.Event().wait()

    _, work = within(lambda: sealtrail.carried(wait))

    async def begun():
        running = work()
        running.send(None)
        return running

    asyncio.run(begun()).close()
    assert sealtrail.request_id() == ""


def test_a_greenlet_knows_the_request_it_is_carried_to(within):
    def work():
        greenlets = [
            gevent.spawn(sealtrail.request_id),
            gevent.spawn(sealtrail.carried(sealtrail.request_id)),
        ]
        gevent.joinall(greenlets)
        return [greenlet.value for greenlet in greenlets]

    request, seen = within(work)
    assert seen == ["", request]


def test_outside_of_a_request_the_actor_is_carried(made, events):
    with sealtrail.actor("cron"):
        work = sealtrail.carried(sealtrail.audit)
    thread = threading.Thread(target=work, args=("a.run",))
    thread.start()
    thread.join()
    sealtrail.audit("b.run")
    assert [event["user.id"] for event in events()] == ["cron", "anonymous"]


def test_a_carried_function_keeps_its_name_its_results_and_its_exceptions(made):
    def work(number: int) -> int:
        """Halves."""
        return 10 // number

    done = sealtrail.carried(work)
    assert (done.__name__, done.__doc__, done(2)) == ("work", "Halves.", 5)
    with pytest.raises(ZeroDivisionError):
        done(0)
