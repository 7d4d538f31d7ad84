"""docs/on-call.md has a section for each alert, and its queries ask for what the app exports."""

import re

import pytest

from tests.infra.alert_checks import ALERTS, ON_CALL, page_queries, queries_of
from tests.infra.exported import exported_names, unknown_names
from tests.infra.templates import ROOT, Infra

TEXT = ON_CALL.read_text(encoding="utf-8")
LABELS = ("Means", "See", "Do", "Wake")


def sections(text: str, part: str) -> dict[str, str]:
    """Title -> text of the sections of a part of the page."""
    body = text.partition(f"\n## {part}\n")[2].partition("\n## ")[0]
    titled = re.split(r"^### (.+)$", body, flags=re.MULTILINE)[1:]
    return dict(zip(titled[::2], titled[1::2], strict=True))


def anchor(title: str) -> str:
    return re.sub(r"[^\w -]", "", title).lower().replace(" ", "-")


def incomplete_alerts(text: str) -> list[str]:
    """The alerts whose section lacks something, and sections of no alert."""
    found = sections(text, "The alerts")
    problems = [f"{name}: no section, or no such alert" for name in sorted(ALERTS ^ found.keys())]
    for name, section in found.items():
        labels = re.findall(r"^\*\*(\w+)\.\*\* \S", section, re.MULTILINE)
        problems += [f"{name}: lacks {label}" for label in LABELS if label not in labels]
        shows = section.partition("**See.**")[2].partition("**Do.**")[0]
        if not re.search(r"```(kusto|bash)\n.+", shows):
            problems.append(f"{name}: nothing shows it")
    return problems


def lost_anchors(text: str) -> set[str]:
    """Links within the page to places that it does not have."""
    titles = re.findall(r"^##+ (.+)$", text, re.MULTILINE)
    return set(re.findall(r"\]\(#([\w-]+)\)", text)) - {anchor(title) for title in titles}


def severities(text: str) -> dict[str, str]:
    """Alert -> the heading of its column in the table of all."""
    table = text.partition("\n## The alerts\n")[2].partition("\n### ")[0]
    heads, _, row = (line.strip("| ").split(" | ") for line in table.strip().splitlines())
    cells = zip(heads, row, strict=True)
    return {name: head for head, cell in cells for name in re.findall(r"\[(\S+)\]", cell)}


def test_each_alert_has_a_section_under_the_anchor_that_it_links_to() -> None:
    assert incomplete_alerts(TEXT) == []
    assert {anchor(name) for name in ALERTS} == ALERTS  # the link of an alert is its name
    assert lost_anchors(TEXT) == set()


def test_the_table_of_all_agrees_with_the_severities() -> None:
    infra = Infra.read()
    files = (("log_alerts", "logRules"), ("alerts", "metricRules"))
    rules = [rule for file, name in files for rule in infra.module(file).variables[name].value]  # pyright: ignore
    worst = {str(rule["name"]): int(str(rule["severity"])) for rule in rules if isinstance(rule, dict)}
    heads = ["wake somebody now", "by day, unless work has waited for an hour", "by day"]
    assert severities(TEXT) == {name: heads[severity - 1] for name, severity in worst.items()}


def test_ten_questions_are_answered_each_with_its_query() -> None:
    asked = sections(TEXT, "Ten questions")
    assert [int(title.partition(" ")[0]) for title in asked] == list(range(1, 11))
    assert all("```kusto\n" in section for section in asked.values())


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("### not-taken\n", "### deaf\n", "not-taken: no section"),
        ("**Wake.** App, now. Azure", "App, now. Azure", "not-running: lacks Wake"),
        ("```bash\naccountsync rejected list\n```", "The list.", "rejected: nothing shows it"),
    ],
)
def test_a_gap_in_the_page_is_noticed(old: str, new: str, problem: str) -> None:
    assert old in TEXT
    assert any(found.startswith(problem) for found in incomplete_alerts(TEXT.replace(old, new)))


def test_a_lost_anchor_is_noticed() -> None:
    assert lost_anchors(TEXT.replace("### breaker\n", "### breakers\n")) == {"breaker"}


def test_queries_name_what_the_app_exports() -> None:
    queries = queries_of(Infra.read())
    assert [found for query in queries for found in unknown_names(query, exported_names())] == []
    tables = {table for query in queries for table in exported_names() if table in query}
    assert tables == {"AppRequests", "AppDependencies", "AppMetrics"}


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ('AppMetrics\n| where Name == "sync.lags"', "AppMetrics has no sync.lags"),
        ('AppMetrics\n| where Name == "sync.lag" and Properties.ending == "x"', "AppMetrics has ending"),
        ("AppMetrics\n| summarize max(Sum)", "says of which metric"),
        ('AppRequests\n| where Name == "sync"', "AppRequests has no sync"),
        ('AppRequests\n| where Name == "sync_account" and Properties.account == "x"', "has account"),
        ('AppDependencies\n| where Name in ("read", "reads")', "AppDependencies has no reads"),
        ("AppDependencies\n| where isnotempty(Properties.template)", "has template"),
    ],
)
def test_a_name_that_is_not_exported_is_noticed(query: str, problem: str) -> None:
    assert any(problem in found for found in unknown_names(query, exported_names()))


def test_other_pages_lead_here() -> None:
    for page in ("README.md", "docs/deploy.md", "docs/operate.md"):
        assert "on-call.md" in (ROOT / page).read_text(encoding="utf-8"), page
    assert len(page_queries(TEXT)) >= 10
