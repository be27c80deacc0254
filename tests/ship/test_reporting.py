from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from sealtrail.ship.reporting import METRICS, Status, exposition


def test_folders_are_told_apart_whatever_they_are_called():
    names = ['/a "quoted"\\ folder', "/with\nline", "/b"]
    text = exposition({name: Status.now(5, "", "", {"lines": 7}) for name in names}).decode()
    families = list(text_string_to_metric_families(text))
    assert len(families) == len(METRICS)
    for family in families:
        assert [sample.labels["spool"] for sample in family.samples] == names
        assert family.documentation


def test_trouble_and_an_end_are_both_seen_as_failing():
    for problem, failure, failing in (("", "", 0), ("refused", "", 1), ("", "given up", 1)):
        text = exposition({"/a": Status.now(0, problem, failure, {})}).decode()
        assert f'sealtrail_ship_failing{{spool="/a"}} {failing}\n' in text


def test_every_figure_is_in_the_reference(repository):
    page = (repository / "docs" / "reference" / "metrics.md").read_text()
    assert not [name for name, (kind, _, _) in METRICS.items() if f"| `{name}` | {kind} |" not in page]
