from __future__ import annotations

from click.testing import CliRunner

from sealtrail.cli.main import main


def test_a_witness_of_what_is_no_log_is_not_started(tmp_path):
    told = CliRunner().invoke(main, ["witness", "serve", "--dir", str(tmp_path / "w"), "--log", "nonsense"])
    assert told.exit_code == 2
    assert "--log 'nonsense'" in told.output
    assert not (tmp_path / "w").exists()
