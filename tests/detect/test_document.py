from __future__ import annotations

from sealtrail.detect.document import MAX_RULE_BYTES, Document, documents, refusal
from sealtrail.errors import RuleError


def only(text: str) -> Document | RuleError:
    found = list(documents(text, "r.yml"))
    assert len(found) == 1
    return found[0]


def test_each_key_knows_its_line_across_documents() -> None:
    first, second = documents("a: 1\n---\nb:\n  c:\n    - x\n    - y\n")
    assert isinstance(first, Document)
    assert isinstance(second, Document)
    assert (first.line("a"), second.line("b", "c"), second.line("b", "c", 1)) == (1, 4, 6)
    assert second.line("b", "missing", "deeper") == 3


def test_empty_documents_are_passed_over() -> None:
    assert [d.value for d in documents("---\n---\na: 1\n---\n") if isinstance(d, Document)] == [{"a": 1}]


def test_a_key_given_twice_is_refused_at_the_second() -> None:
    error = only("a: 1\nb:\n  c: 1\n  c: 2\n")
    assert isinstance(error, RuleError)
    assert error.line == 4
    assert "`c` is given twice" in error.what


def test_a_broken_document_does_not_hide_the_good_one_before_it() -> None:
    good, bad = documents("a: 1\n---\nb: [1\n", "r.yml")
    assert isinstance(good, Document)
    assert isinstance(bad, RuleError)
    assert bad.file == "r.yml"
    assert bad.line >= 3


def test_python_objects_are_not_built() -> None:
    assert isinstance(only("a: !!python/object/apply:os.system [ls]\n"), RuleError)


def test_a_bomb_of_aliases_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 8)]
    error = only("\n".join(lines))
    assert isinstance(error, RuleError)
    assert "too large" in error.what


def test_a_document_that_holds_itself_is_refused() -> None:
    assert isinstance(only("a: &a\n  b: *a\n"), RuleError)


def test_a_file_that_is_too_large_is_not_parsed() -> None:
    error = only("a: " + "x" * MAX_RULE_BYTES)
    assert isinstance(error, RuleError)
    assert "larger" in error.what


def test_what_is_no_mapping_or_no_yaml_is_refused() -> None:
    for text in ("- 1\n", "? [a]\n: b\n", "a: \x00\n", "d: 2020-99-99\n", "plain\n", "a: b: c\n"):
        assert isinstance(only(text), RuleError), text


def test_a_refusal_names_file_and_line() -> None:
    document = only("a: 1\nb: 2\n")
    assert isinstance(document, Document)
    assert str(refusal(document, "no", "b")).startswith("r.yml:2: no [rule.syntax]")
