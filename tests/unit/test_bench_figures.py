"""Targets and verdicts of the benchmark, its plots and its report."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.figures import Figure, Target, judge
from bench.plot import bars, lines
from bench.report import write_report
from bench.spread import percentile
from bench.targets import QUICK, TARGETS

AT_MOST, AT_LEAST = Target(2), Target(2, at_least=True)


@pytest.mark.parametrize(
    ("target", "value", "verdict"),
    [
        (AT_MOST, 2, "met"),
        (AT_MOST, 2.01, "missed"),
        (AT_LEAST, 2, "met"),
        (AT_LEAST, 1.99, "missed"),
        (None, 7, ""),
    ],
)
def test_a_figure_is_judged_by_its_target(target: Target | None, value: float, verdict: str) -> None:
    targets = {"a/b": target} if target else {}
    (line,) = judge([Figure("a/b", "text", value)], targets, ["a"])
    assert line.verdict == verdict


def test_the_line_of_a_missed_target_begins_with_missed() -> None:
    (line,) = judge([Figure("a/b", "text", 3, "s", "why")], {"a/b": AT_MOST}, ["a"])
    assert str(line).split()[:2] == ["missed", "a/b"]
    assert str(line).endswith("text  (why)")


def test_a_target_that_no_suite_measured_is_missed() -> None:
    lines_ = judge([], {"a/b": AT_MOST, "other/c": AT_MOST}, ["a"])
    assert [(line.key, line.verdict) for line in lines_] == [("a/b", "missed")]
    assert "not measured" in str(lines_[0])


def test_the_quick_targets_are_targets() -> None:
    assert TARGETS.keys() >= QUICK


def test_a_percentile_is_one_of_the_values() -> None:
    assert percentile([5, 1, 4, 2, 3], 0.5) == 3
    assert percentile([5, 1, 4, 2, 3], 0.95) == 5


def test_plots_are_well_formed_and_show_every_value() -> None:
    drawn = bars("A & B", {"requests": {"app": 0.34, "recipe": 2.1}}, ["app", "recipe"])
    grown = lines("Growth", "rows", {"an event": {100: 2.78, 100_000: 2.91}})
    for svg, values in ((drawn, ("0.34", "2.10")), (grown, ("2.78", "2.91", "100,000"))):
        texts = [element.text for element in ElementTree.fromstring(svg).iter()]  # noqa: S314 - our own
        assert set(values) <= set(texts)


def test_the_report_keeps_the_suites_that_were_not_measured_again(tmp_path: Path) -> None:
    for key, value in (("counts/erp-requests", 0.9), ("burst/writes", 2), ("counts/erp-requests", 0.3)):
        write_report(judge([Figure(key, "text", value)], TARGETS, []), tmp_path)
    known = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    found = {suite: [row["value"] for row in content["figures"]] for suite, content in known.items()}
    assert found == {"counts": [0.3], "burst": [2]}
    page = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "| met | `burst/writes` text | 2 | ≤ 3 |" in page
