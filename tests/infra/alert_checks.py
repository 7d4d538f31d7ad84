"""Whether alerts and workbook look for what the app writes, and watch the queues that there are."""

import json
import re
from collections.abc import Iterator
from typing import Any

from tests.infra.app import AppNeeds
from tests.infra.templates import Infra

ALERTS = {
    *("guard-tripped", "set-up-wrong", "breaker", "defect", "parked", "oldest", "failure-rate", "throttled"),
    *("not-running", "silence", "dead-letters", "rejected", "backlog", "bus-throttled", "storage-down"),
}


def alerts_look_for_what_the_app_writes(infra: Infra, app: AppNeeds) -> Iterator[str]:
    """The texts in the queries of alerts and workbook, against the lines that the code writes."""
    places = (("log_alerts", "logRules"), ("alerts", "metricRules"))
    rules = [rule for module, name in places for rule in _rules(infra.module(module).variables[name].value)]
    missing = ALERTS ^ {str(rule["name"]) for rule in rules}
    yield from (f"the alert {name} is missing or not expected" for name in missing)
    book = json.loads(infra.texts["workbook.json"])
    queries = [str(rule["query"]) for rule in rules if "query" in rule]
    queries += [item["content"]["query"] for item in book["items"] if "query" in item["content"]]
    for query in queries:
        for text in re.findall(r'startswith "([^"]+)"', query):
            if not any(line.startswith(text) for line in app.log_lines):
                yield f'no line of the app starts with "{text}"'
        for name in set(re.findall(r'Name has "(\w+)"', query)) - app.functions:
            yield f"a query asks for the function {name}, which there is not"
        for pattern in re.findall(r"parse Message with (.+)", query):
            parts = [re.escape(part) for part in re.findall(r'"([^"]*)"', pattern)]
            if not any(re.match(".*?".join(parts), line) for line in app.log_lines):
                yield f"no line of the app has the parts {parts}"
    watched = {str(name) for rule in rules for name in _entities(rule)}
    yield from (f"an alert watches {name}, which is no queue" for name in watched - set(infra.queues))
    yield from (f"no alert watches {name}" for name in set(infra.queues) - watched)


def _rules(value: object) -> list[dict[str, Any]]:
    assert isinstance(value, list)
    return [rule for rule in value if isinstance(rule, dict)]


def _entities(rule: dict[str, Any]) -> list[object]:
    dimensions = rule.get("dimensions", [])
    return [name for one in dimensions if one["name"] == "EntityName" for name in one["values"]]


ALERT_CHECKS = (alerts_look_for_what_the_app_writes,)
