from __future__ import annotations

import threading

from sealtrail.follow.worker import Worker


class Counts(Worker):
    def __init__(self) -> None:
        super().__init__("counts")
        self.began = threading.Event()
        self.ended = False

    def _run(self) -> None:
        self.began.set()
        self._stopping.wait()
        self.ended = True


def test_stopping_waits_until_the_thread_has_ended() -> None:
    worker = Counts()
    worker.start()
    assert worker.began.wait(5)
    worker.stop()
    assert worker.ended
    assert "sealtrail-counts" not in {thread.name for thread in threading.enumerate()}


def test_stopping_twice_or_before_the_start_does_nothing() -> None:
    worker = Counts()
    worker.stop()
    worker.stop()
    assert not worker.ended
