"""Who acts."""

from __future__ import annotations

import os
import pwd

import pytest

from sealtrail.serve.acting import operator


def test_the_operator_is_the_user_of_the_process_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "mallory")
    assert operator() == pwd.getpwuid(os.geteuid()).pw_name


def test_a_user_without_a_name_is_called_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4_123_456)
    assert operator() == "uid:4123456"
