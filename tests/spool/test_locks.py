"""Locks of what runs inside an application."""

from __future__ import annotations

import subprocess
import sys

PATCHED = """
from gevent import monkey
monkey.patch_all()
import threading
from gevent.threadpool import ThreadPool
from sealtrail.spool.locks import Lock

lock = Lock()
assert type(lock) is not type(threading.Lock()), "patched"
assert type(lock) is not type(threading.RLock()), "patched"
with lock:
    assert not ThreadPool(1).apply(lock.acquire, (False,)), "another thread came in"
    assert lock.acquire(blocking=False), "the thread itself did not"
    lock.release()
assert ThreadPool(1).apply(lock.acquire, (False,))
"""


def test_a_process_that_gevent_patched_has_the_machines_own_locks() -> None:
    subprocess.run([sys.executable, "-c", PATCHED], check=True, timeout=60)
