from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from sealtrail.errors import UsageError
from sealtrail.serve.elsewhere import Elsewhere
from sealtrail.serve.source import Acting, Complying, Here, Looking, Proving, Triaging, Where, source


def test_a_url_names_a_collector_and_nothing_names_the_folder():
    assert isinstance(source(Where(Path("x"))), Here)
    assert isinstance(source(Where(Path("x"), "http://localhost", "st_a_b")), Elsewhere)
    with pytest.raises(UsageError):
        source(Where(Path("x"), "nowhere"))


@pytest.mark.parametrize("protocol", [Looking, Proving, Acting, Triaging, Complying])
def test_both_answer_the_same_questions_with_the_same_arguments(protocol):
    for name, wanted in inspect.getmembers(protocol, inspect.isfunction):
        if not name.startswith("_"):
            for one in (Here, Elsewhere):
                found = inspect.signature(getattr(one, name))
                assert list(found.parameters) == list(inspect.signature(wanted).parameters), (one, name)


def test_a_command_that_asks_elsewhere_loads_no_index_and_no_ledger():
    code = (
        "import sys; from pathlib import Path; from sealtrail.serve.source import Where, source;"
        "source(Where(Path('x'), 'http://localhost', 'st_a_b'));"
        "print([m for m in sys.modules if m.split('.')[0] in ('duckdb', 'pyarrow', 'starlette', 'sigma')])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ran.stdout == "[]\n", ran.stderr
