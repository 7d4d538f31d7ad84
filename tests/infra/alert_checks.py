"""Whether alerts and workbook look for what the app writes, and watch the queues that there are."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from pydantic import TypeAdapter

from tests.infra.app import AppNeeds
from tests.infra.bicep import Code
from tests.infra.templates import ROOT, Infra

ON_CALL = ROOT / "docs/on-call.md"
ALERTS = {
    *("guard-tripped", "set-up-wrong", "breaker", "defect", "parked", "oldest", "failure-rate", "throttled"),
    *("not-running", "silence", "dead-letters", "rejected", "backlog", "bus-throttled", "storage-down"),
    *("differences", "doctor", "events-missing", "not-taken", "no-telemetry"),
}

# What the app's own exporter fills: the workbook and the page show it, no alert depends on it.
EXPORTED = {"AppMetrics", "AppRequests", "AppDependencies"}
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
    """An alert must hold while the app's exporter is down: it reads lines, which leave through the host."""
    alerts = alert_queries(infra)
    for query in queries_of(infra):
        allowed = {"AppTraces"} if query in alerts else {"AppTraces", *EXPORTED}
        for name in set(re.findall(r"\bApp[A-Z][a-z]+s\b", query)) - allowed:
            yield f"a query reads {name}, which the app's exporter fills"
        for name in SAMPLED & set(re.findall(r"\w+", re.sub(r'"[^"]*"', "", query))):
            yield f"a query reads {name}, which is no table of the workspace"
        for start in re.findall(r"(?:^|\()\s*(\w+)\s*\n\s*\|", query):
            if start not in allowed:
                yield f"a query begins with {start}, not with {', '.join(sorted(allowed))}"


def alerts_say_for_what_and_what_to_do(infra: Infra, app: AppNeeds) -> Iterator[str]:
    """A dimension is a column of its query; each alert carries the link to its section of the page."""
    for rule in _rules(infra.module("log_alerts").variables["logRules"].value):
        split = re.findall(r"summarize Value = .+ by (\w+)\s*$", str(rule["query"]))
        if "".join(split) != rule["dimension"]:
            yield f"{rule['name']}: its dimension is not what its query tells apart"
    if "name: rule.dimension\n" not in infra.texts["modules/log_alerts.bicep"]:
        yield "no alert fires for each value of its dimension"
    for module, kind in (("log_alerts", "actions"), ("alerts", "properties")):
        told = re.findall(r"runbook: '(.+)'", infra.texts[f"modules/{module}.bicep"])
        if told != ["${runbookBaseUrl}#${rule.name}"]:
            yield f"{module}: the {kind} of an alert must carry the link to its section"
    receivers = infra.texts["modules/alerts.bicep"]
    if receivers.count("useCommonAlertSchema: true") != receivers.count("Receivers: "):
        yield "each receiver must be told in the common alert schema"
    if "logicAppReceivers: empty(logicAppId)" not in receivers:
        yield "no channel of Teams is told"


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


def alerts_look_back_far_enough(infra: Infra, app: AppNeeds) -> Iterator[str]:
    """Azure takes some lengths of time only, and none that is shorter than the window."""
    if "overrideQueryTimeRange: rule.lookBack\n" not in infra.texts["modules/log_alerts.bicep"]:
        yield "no alert looks back further than its window"
    for rule in _rules(infra.module("log_alerts").variables["logRules"].value):
        back, window = rule["lookBack"], rule["window"]
        for length in getattr(back, "choices", ()) or (back,):
            if not isinstance(length, Code) and length not in LOG_WINDOWS:
                yield f"{rule['name']}: a query does not look back for {length}"
        if not isinstance(window, Code) and _seconds(back) < _seconds(window):
            yield f"{rule['name']}: looks back for {back}, which is shorter than its window"


def queries_of(infra: Infra) -> list[str]:
    """The queries of the log alerts, of the workbook and of the page for on-call engineers."""
    book = json.loads(infra.texts["workbook.json"])
    shown = [item["content"]["query"] for item in book["items"] if "query" in item["content"]]
    return [*alert_queries(infra), *shown, *page_queries(ON_CALL.read_text(encoding="utf-8"))]


def alert_queries(infra: Infra) -> list[str]:
    """The queries of the log alerts."""
    return [str(rule["query"]) for rule in _rules(infra.module("log_alerts").variables["logRules"].value)]


def page_queries(text: str) -> list[str]:
    """The queries in a page."""
    return re.findall(r"```kusto\n(.*?)\n```", text, re.DOTALL)


def _seconds(length: object) -> float:
    return TypeAdapter(timedelta).validate_python(length).total_seconds()


def _rules(value: object) -> list[dict[str, Any]]:
    assert isinstance(value, list)
    return [rule for rule in value if isinstance(rule, dict)]


def _entities(rule: dict[str, Any]) -> list[object]:
    dimensions = rule.get("dimensions", [])
    return [name for one in dimensions if one["name"] == "EntityName" for name in one["values"]]


ALERT_CHECKS = (
    alerts_look_for_what_the_app_writes,
    queries_read_log_lines_alone,
    alerts_say_for_what_and_what_to_do,
    alerts_look_back_far_enough,
    windows_are_allowed,
)
