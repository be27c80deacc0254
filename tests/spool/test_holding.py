from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sealtrail.errors import BusyError, UsageError
from sealtrail.spool.holding import Hold
from sealtrail.spool.layout import STDOUT


def test_one_has_a_folder_and_another_is_refused_until_it_lets_go(tmp_path):
    first, second = Hold(tmp_path), Hold(tmp_path)
    assert first.take()
    assert first.take()  # cheap to ask again
    with pytest.raises(BusyError) as caught:
        second.take()
    assert caught.value.code == "busy.folder"
    first.release()
    first.release()
    assert second.take()
    second.release()


def test_a_folder_that_is_not_there_is_nobodys(tmp_path):
    hold = Hold(tmp_path / "spool")
    assert not hold.take()
    (tmp_path / "spool").mkdir()
    assert hold.take()
    assert hold.is_held
    hold.release()


def test_a_folder_that_was_removed_and_made_again_is_taken_anew(tmp_path):
    folder = tmp_path / "spool"
    folder.mkdir()
    hold = Hold(folder)
    assert hold.take()
    folder.rename(tmp_path / "old")
    assert not hold.take()
    folder.mkdir()
    assert hold.take()
    with pytest.raises(BusyError):
        Hold(folder).take()
    hold.release()


def test_a_process_that_is_killed_holds_nothing(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from sealtrail.spool.holding import Hold;"
        "hold = Hold(Path(sys.argv[1])); hold.take(); print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        mine = Hold(tmp_path)
        with pytest.raises(BusyError):
            mine.take()
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
        assert mine.take()
        mine.release()


def test_standard_output_is_no_folder_that_anybody_could_empty():
    with pytest.raises(UsageError) as caught:
        Hold(Path(STDOUT).absolute()).take()
    assert "sealtrail import -" in caught.value.hint
