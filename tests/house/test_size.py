"""Small files: the house figures of CONTRIBUTING.md, measured."""

from __future__ import annotations

from statistics import median

CEILING = 600


def _lengths(paths) -> dict[str, int]:
    return {str(path): len(path.read_text().splitlines()) for path in paths}


def test_no_module_and_no_test_is_longer_than_the_ceiling(sources, test_files):
    lengths = _lengths([*sources.values(), *test_files])
    assert not {path: n for path, n in lengths.items() if n > CEILING}


def test_modules_are_small_taken_together(sources):
    lengths = [n for n in _lengths(sources.values()).values() if n > 1]
    share = sum(n <= 400 for n in lengths) / len(lengths)
    assert median(lengths) <= 200, f"the median module has {median(lengths)} lines"
    assert share >= 0.9, f"only {share:.0%} of modules have up to 400 lines"
