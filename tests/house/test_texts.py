"""What must not be written anywhere: other machines' paths, hosts to install from, work left undone."""

from __future__ import annotations

import re
import stat
import tomllib
from pathlib import Path

# Put together here, so that this file does not hold what it looks for.
_HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pypi", "python", "org"),
        ("files", "python" + "hosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("crates", "io"),
        ("maven", "org"),
        ("maven", "apache", "org"),
        ("proxy", "golang", "org"),
        ("deb", "debian", "org"),
    )
]
_INSTALLERS = re.compile("--" + "(?:extra-)?index-" + "url|--trusted-" + "host|--find-" + "links")
_MACHINES = re.compile(r"(?<![\w.])/(?:home|Users|" + "work" + r")/[A-Za-z]\w*|/tmp/" + "team")
_UNDONE = re.compile(r"\b(?:TODO|FIXME|XXX|HACK|NotImplementedError)\b")


def _texts(files: list[Path]) -> dict[Path, str]:
    texts = {}
    for path in files:
        try:
            texts[path] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
    return texts


def _where(files: list[Path], found) -> list[str]:
    return [
        f"{path}:{number}: {line.strip()[:100]}"
        for path, text in _texts(files).items()
        for number, line in enumerate(text.splitlines(), 1)
        if found(line)
    ]


def test_no_file_names_a_host_that_packages_come_from(files):
    assert not _where(files, lambda line: any(host in line for host in _HOSTS))


def test_a_lock_gives_names_versions_and_hashes_only(repository):
    for name in ("requirements.lock", "requirements-capture.lock"):
        text = (repository / name).read_text()
        assert not _INSTALLERS.search(text)
        assert "://" not in text
        for line in text.splitlines():
            assert re.match(r"[a-z0-9-]+==\S+ \\$|    --hash=sha256:[0-9a-f]{64}|\s*#", line), line


def test_no_file_holds_a_path_of_somebodys_machine(files, repository):
    # A checkout under a short or general folder, such as /src, says nothing.
    here = str(repository) if len(repository.parts) > 2 else "\0"
    assert not _where(files, lambda line: _MACHINES.search(line) or here in line)


def test_no_work_is_left_undone_in_the_sources(sources):
    assert not _where(list(sources.values()), _UNDONE.search)


def test_no_secret_and_no_database_lies_in_the_repository(files):
    assert not [
        path for path in files if path.suffix in {".key", ".pem", ".sqlite", ".db", ".parquet", ".zst"}
    ]


def test_no_file_of_the_repository_is_large(files):
    assert not {str(path): size for path in files if (size := path.stat().st_size) > 300_000}


def test_the_scripts_can_be_run(repository):
    assert (repository / ".ci" / "run").stat().st_mode & stat.S_IXUSR


def test_a_warning_in_the_suite_is_an_error(repository):
    settings = tomllib.loads((repository / "pyproject.toml").read_text())
    assert settings["tool"]["pytest"]["ini_options"]["filterwarnings"][0] == "error"
