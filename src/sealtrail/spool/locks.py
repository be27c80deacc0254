"""The one kind of lock of what runs inside an application: the machine's own.

gevent replaces `threading.Lock` and `threading.RLock` where it patches a process. Its locks wait by switching
greenlets, also across the threads of its pools, and a wake-up between two hubs can be lost: then a request
stands still for good inside our code. `_thread.RLock` is left alone by it. Nothing that runs under one of our
locks switches greenlets, so no greenlet ever waits for another one of its own thread; and what interrupts its
own thread there (a signal, a finaliser) comes in, so code under a lock must bear being entered twice.
"""

from __future__ import annotations

from _thread import RLock
from typing import Final

Lock: Final = RLock
