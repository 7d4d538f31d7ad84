"""Whether Azure would understand the queries of the alerts and of the workbook, as its own analyser says."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.infra.alert_checks import queries_of
from tests.infra.templates import Infra

ANALYSER = Path(__file__).with_name("analyse_queries.mjs")
PARAMETERS = {"{TimeRange:grain}": "1h"}  # what the workbook puts in


def faults(queries: list[str]) -> list[list[str]]:
    """The faults of each query, in words."""
    node = shutil.which("node")
    assert node is not None, "install Node"
    ready = [re.sub("|".join(map(re.escape, PARAMETERS)), lambda m: PARAMETERS[m[0]], q) for q in queries]
    done = subprocess.run(
        [node, ANALYSER], input=json.dumps(ready), capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def test_azure_understands_every_query() -> None:
    queries = queries_of(Infra.read())
    assert len(queries) >= 20
    assert [found for found in zip(queries, faults(queries), strict=True) if found[1]] == []


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("AppTraces | where Mesage startswith 'a'", "'Mesage' does not refer to any known column"),
        ("AppTrace | count", "'AppTrace' does not refer to any known table"),
        ("AppTraces | sumarize count()", "Query operator expected"),
        ("AppTraces | where TimeGenerated > 'a' + 1", "operator"),
        ("AppTraces | extend a = extrct('a', 1, Message)", "'extrct'"),
    ],
)
def test_a_planted_fault_is_found(query: str, fault: str) -> None:
    ((first, *_),) = faults([query])
    assert fault in first
