"""Whether alerts and workbook look for what the app writes, and watch the queues that there are."""

import json
import re
from collections.abc import Iterator
from typing import Any

from tests.infra.app import AppNeeds
from tests.infra.bicep import Code
from tests.infra.templates import Infra

ALERTS = {
    *("guard-tripped", "set-up-wrong", "breaker", "defect", "parked", "oldest", "failure-rate", "throttled"),
    *("not-running", "silence", "dead-letters", "rejected", "backlog", "bus-throttled", "storage-down"),
    *("differences", "doctor", "events-missing"),
}

# Their names in Application Insights itself; in the workspace each begins with "App".
SAMPLED = {"requests", "dependencies", "exceptions", "pageViews", "customEvents", "union", "search", "find"}
# learn.microsoft.com/azure/azure-monitor/alerts: windows of scheduled query rules, and of metric alerts
LOG_WINDOWS = {
    *(
        "PT5M",
        "PT10M",
        "PT15M",
        "PT30M",
        "PT45M",
        "PT1H",
        "PT2H",
        "PT3H",
        "PT4H",
        "PT5H",
        "PT6H",
        "P1D",
        "P2D",
    ),
}
METRIC_WINDOWS = {"PT1M", "PT5M", "PT15M", "PT30M", "PT1H", "PT6H", "PT12H", "P1D"}


def alerts_look_for_what_the_app_writes(infra: Infra, app: AppNeeds) -> Iterator[str]:
    """The texts in the queries of alerts and workbook, against the lines that the code writes."""
    places = (("log_alerts", "logRules"), ("alerts", "metricRules"))
    rules = [rule for module, name in places for rule in _rules(infra.module(module).variables[name].value)]
    missing = ALERTS ^ {str(rule["name"]) for rule in rules}
    yield from (f"the alert {name} is missing or not expected" for name in missing)
    for query in queries_of(infra):
        for text in re.findall(r'startswith "([^"]+)"', query):
            if not any(line.startswith(text) for line in app.log_lines):
                yield f'no line of the app starts with "{text}"'
        for pattern in re.findall(r"parse Message with (.+)", query):
            parts = [re.escape(part) for part in re.findall(r'"([^"]*)"', pattern)]
            if not any(re.match(".*?".join(parts), line) for line in app.log_lines):
                yield f"no line of the app has the parts {parts}"
    watched = {str(name) for rule in rules for name in _entities(rule)}
    yield from (f"an alert watches {name}, which is no queue" for name in watched - set(infra.queues))
    yield from (f"no alert watches {name}" for name in set(infra.queues) - watched)


def queries_read_log_lines_alone(infra: Infra, app: AppNeeds) -> Iterator[str]:
    """Requests, spans and exceptions may be sampled: what is counted are lines, which are not."""
    for query in queries_of(infra):
        for name in set(re.findall(r"\bApp[A-Z]\w+", query)) - {"AppTraces"}:
            yield f"a query reads {name}, which may be sampled"
        for name in SAMPLED & set(re.findall(r"\w+", query)):
            yield f"a query reads {name}, which may be sampled"
        for start in re.findall(r"(?:^|\()\s*(\w+)\s*\n\s*\|", query):
            if start != "AppTraces":
                yield f"a query begins with {start}, not with AppTraces"


def windows_are_allowed(infra: Infra, app: AppNeeds) -> Iterator[str]:
    """Azure takes some lengths of time only; PT12H is one of metric alerts, not of log alerts."""
    rules = _rules(infra.module("log_alerts").variables["logRules"].value)
    for rule in rules:
        window = rule["window"]
        choices = getattr(window, "choices", ()) or (window,)
        for length in [text for text in choices if not isinstance(text, Code)]:
            if length not in LOG_WINDOWS:
                yield f"{rule['name']}: {length} is no window of a log alert"
        if rule["frequency"] not in LOG_WINDOWS:
            yield f"{rule['name']}: {rule['frequency']} is no frequency of a log alert"
    members = infra.types["AlertThresholds"].value
    assert isinstance(members, dict)
    for length in re.findall(r"'(\w+)'", str(members["silenceWindow"])):
        if length not in LOG_WINDOWS:
            yield f"silenceWindow: {length} is no window of a log alert"
    for rule in _rules(infra.module("alerts").variables["metricRules"].value):
        if rule["window"] not in METRIC_WINDOWS:
            yield f"{rule['name']}: {rule['window']} is no window of a metric alert"


def queries_of(infra: Infra) -> list[str]:
    """The queries of the log alerts and of the workbook."""
    rules = _rules(infra.module("log_alerts").variables["logRules"].value)
    book = json.loads(infra.texts["workbook.json"])
    queries = [str(rule["query"]) for rule in rules]
    return queries + [item["content"]["query"] for item in book["items"] if "query" in item["content"]]


def _rules(value: object) -> list[dict[str, Any]]:
    assert isinstance(value, list)
    return [rule for rule in value if isinstance(rule, dict)]


def _entities(rule: dict[str, Any]) -> list[object]:
    dimensions = rule.get("dimensions", [])
    return [name for one in dimensions if one["name"] == "EntityName" for name in one["values"]]


ALERT_CHECKS = (alerts_look_for_what_the_app_writes, queries_read_log_lines_alone, windows_are_allowed)
