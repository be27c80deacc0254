"""Signals are noted, and nobody else's handlers are lost."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from sealtrail.serve.running import Served
from sealtrail.serve.stopping import SIGNALS, Stop

# In a process of its own: what ends a process cannot be tried in this one.
STARTING = """
import os, signal, sys, time
from sealtrail.serve.stopping import Stop
with Stop() as stop:
    stop.starting = sys.argv[1] == "starting"
    os.kill(os.getpid(), signal.SIGTERM)
    print("noted", stop.asked, flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
    print("alive", flush=True)
"""
LAST = """
import os, signal, sys
from sealtrail.serve.stopping import Stop
with Stop(last=True):
    pass
os.kill(os.getpid(), signal.SIGTERM)
os.kill(os.getpid(), signal.SIGINT)
print("alive", flush=True)
"""


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_noted_and_passed_on_and_the_handlers_come_back(number):
    before = {one: signal.getsignal(one) for one in SIGNALS}
    told = []
    with Stop() as stop:
        stop.starting = False
        stop.then = lambda: told.append(number)
        assert not stop.asked
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)
        assert stop.asked
    assert told == [number, number]
    assert {one: signal.getsignal(one) for one in SIGNALS} == before


@pytest.mark.parametrize(("phase", "code", "said"), [("starting", -15, "noted True\n"), ("", 0, "alive\n")])
def test_while_it_starts_the_second_signal_ends_it_on_the_spot(child, phase, code, said):
    process = child("-c", STARTING, phase)
    told, _ = process.communicate()
    assert process.returncode == code
    assert told.endswith(said)


def test_after_the_last_block_of_a_process_signals_change_nothing(child):
    process = child("-c", LAST)
    assert process.communicate()[0] == "alive\n"
    assert process.returncode == 0


def test_a_server_that_was_told_to_stop_while_it_started_serves_nobody(tmp_path):
    before = set(threading.enumerate())
    with Stop() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        with Served(tmp_path / "data", port=0, stop=stop) as served:
            assert served.run()
        assert set(threading.enumerate()) <= before
