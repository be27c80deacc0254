from __future__ import annotations

import operator
import os

from sealtrail.ledger.workers import Workers


def test_results_come_in_order_from_one_process_or_several():
    tasks = list(range(50))
    for count in (1, 2):
        with Workers(count) as workers:
            assert list(workers.map(operator.neg, tasks, spread=True)) == [-task for task in tasks]


def test_few_tasks_stay_in_this_process():
    with Workers(2) as workers:
        assert list(workers.map(operator.methodcaller("__call__"), [os.getpid], spread=False)) == [
            os.getpid()
        ]
        assert workers._pool is None


def test_tasks_are_taken_as_they_are_needed():
    taken = []

    def tasks():
        for n in range(1000):
            taken.append(n)
            yield n

    with Workers(2) as workers:
        results = workers.map(operator.neg, tasks(), spread=True)
        next(results)
        assert len(taken) < 10
