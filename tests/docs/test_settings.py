"""Settings: a folder without a file works, a misspelt name does not, and every one is documented."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sealtrail.errors import UsageError
from sealtrail.settings import SETTINGS_FILE, CaptureSettings, Settings, load

# Set by the suite or the demo for their own processes; no setting of the product.
INTERNAL = {"SEALTRAIL_CORPORA", "SEALTRAIL_SOAK", "SEALTRAIL_CHROMIUM", "SEALTRAIL_DEMO_RUN"}


def test_every_setting_and_its_default_is_in_the_reference(docs, reference):
    page = (docs / "reference" / "settings.md").read_text()
    rows = reference.setting_rows()
    assert len(rows) >= 8
    for section, name, default, _ in rows:
        assert f"| `[{section}]` | `{name}` | `{default}` |" in page


def test_every_environment_variable_is_in_the_reference(repository, docs):
    page = (docs / "reference" / "settings.md").read_text()
    read = set()
    for path in (repository / "src").rglob("*.py"):
        read |= set(re.findall(r"\bSEALTRAIL_[A-Z_]*[A-Z]\b", path.read_text()))
    assert not [name for name in sorted(read - INTERNAL) if f"| `{name}` |" not in page]
    assert not [name for name in re.findall(r"\| `(SEALTRAIL_\w+)` \|", page) if name not in read]


def test_the_defaults_as_documented_are_a_file_that_loads(tmp_path, reference):
    lines: dict[str, list[str]] = {}
    for section, name, default, _ in reference.setting_rows():
        lines.setdefault(section, []).append(f"{name} = {default}")
    text = "\n".join(f"[{section}]\n" + "\n".join(entries) for section, entries in lines.items())
    (tmp_path / SETTINGS_FILE).write_text(text)
    assert load(tmp_path) == Settings()


def test_a_folder_without_a_file_has_the_defaults(tmp_path):
    assert load(tmp_path) == Settings()


def test_what_the_file_says_replaces_the_default_and_nothing_else(tmp_path):
    (tmp_path / SETTINGS_FILE).write_text('[response]\nsimulate = true\nallow = ["10.0.0.0/8"]\n')
    found = load(tmp_path)
    assert found.response.simulate
    assert found.response.allow == ("10.0.0.0/8",)
    assert found.retention == Settings().retention


@pytest.mark.parametrize(
    "text",
    [
        "[responce]\nsimulate = true\n",
        "[response]\nsimulat = true\n",
        '[response]\nsimulate = "yes"\n',
        "[retention]\naccess-days = 1.5\n",
        "[retention\n",
        "[retention]\naccess_days = 1\n",
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_with_its_path(text, tmp_path):
    (tmp_path / SETTINGS_FILE).write_text(text)
    with pytest.raises(UsageError) as caught:
        load(tmp_path)
    assert caught.value.code == "usage.setting"
    assert str(tmp_path / SETTINGS_FILE) in caught.value.what


def test_capture_reads_its_settings_from_the_environment():
    found = CaptureSettings.from_environment(
        {
            "SEALTRAIL_SPOOL": "/var/spool/shop",
            "SEALTRAIL_SERVICE": "shop",
            "SEALTRAIL_TRUSTED_PROXIES": " 10.0.0.0/8,, ::1/128 ",
        }
    )
    assert (found.spool, found.service) == (Path("/var/spool/shop"), "shop")
    assert found.trusted_proxies == ("10.0.0.0/8", "::1/128")


def test_capture_has_safe_defaults():
    found = CaptureSettings.from_environment({})
    assert (found.spool, found.trusted_proxies) == (Path("sealtrail-spool"), ())
