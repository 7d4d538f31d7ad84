"""Writes the report under docs/benchmark: a page with all figures, plots, and the figures as JSON.

A run of one suite brings that suite up to date and leaves the others as they were; each suite says on what
machine and day it was measured.
"""

import json
import os
import platform
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from bench.figures import MISSED, Line, shown
from bench.plot import bars, lines

FOLDER = Path(__file__).resolve().parent.parent / "docs/benchmark"
APP, RECIPE = "Account Sync", "recipe, eight workers"
_HEAL = re.compile(r"heal (\d+)")

type Rows = Sequence[Mapping[str, Any]]


def write_report(measured: Sequence[Line], folder: Path = FOLDER) -> None:
    """Write the results of these suites, and the page and plots of all."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "results.json"
    known: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    for suite, some in groupby(measured, key=lambda line: line.key.partition("/")[0]):
        figures = [asdict(line) | {"verdict": line.verdict} for line in some]
        known[suite] = {"at": f"{datetime.now(UTC):%Y-%m-%d}", "machine": machine(), "figures": figures}
    file.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    values = {row["key"]: row for suite in known.values() for row in suite["figures"]}
    plots = dict(_plots(values))
    for name, svg in plots.items():
        (folder / name).write_text(svg, encoding="utf-8")
    (folder / "README.md").write_text("\n".join(_page(known, list(plots))) + "\n", encoding="utf-8")


def machine() -> str:
    """What this machine is: processors, memory, system, Python."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30 if os.name == "posix" else 0
    return (
        f"{os.cpu_count()} processors ({_processor()}), {memory:.0f} GB, {platform.system()} "
        f"{platform.machine()}, Python {platform.python_version()}"
    )


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.*)", file.read_text()) if file.exists() else []
    return names[0] if names else platform.processor() or "of unknown kind"


def _plots(values: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    def value(key: str) -> float:
        return float((values.get(key) or {}).get("value") or 0)

    if "stream/app-speed" in values:
        yield "stream.svg", _stream_plot(value)
    for what, axis in (("accounts", "accounts"), ("mapping", "rows of the mapping table")):
        rows = {key: row for key, row in values.items() if re.fullmatch(rf"growth/{what}-\d+", key)}
        if rows:
            yield f"growth-{what}.svg", _growth_plot(rows, axis)


def _stream_plot(value: Any) -> str:
    pairs = {
        "ERP requests an event": "erp-requests",
        "Dataverse requests an event": "dataverse-requests",
        "lag p50, seconds": "lag-p50",
        "lag p95, seconds": "lag-p95",
    }
    groups = {
        label: {APP: value(f"stream/{name}"), RECIPE: value(f"stream/recipe-{name}")}
        for label, name in pairs.items()
    }
    one = "recipe, one worker"
    speeds = {APP: "app-speed", RECIPE: "recipe8-speed", one: "recipe1-speed"}
    groups["events a second, backlog"] = {name: value(f"stream/{key}") for name, key in speeds.items()}
    title = "The mixed stream; Sales answers after 80 ms, the ERP after 200 ms"
    return bars(title, groups, [APP, RECIPE, one])


def _growth_plot(rows: Mapping[str, Mapping[str, Any]], axis: str) -> str:
    sizes = {int(key.rpartition("-")[2]): row for key, row in rows.items()}
    requests = {float(size): float(row["value"]) for size, row in sizes.items()}
    heals = {float(size): _number(_HEAL, row) for size, row in sizes.items()}
    series = {"table requests an event": requests, "table requests of a run of heal": heals}
    return lines(f"Costs by the number of {axis}", axis, series)


def _number(pattern: re.Pattern[str], row: Mapping[str, Any]) -> float:
    found = pattern.search(str(row["detail"]))
    return float(found[1]) if found else 0.0


def _page(known: Mapping[str, Any], plots: Sequence[str]) -> Iterator[str]:
    yield "# Benchmark\n"
    yield "`python3 dev.py bench --report` writes this page; [method.md](method.md) says how it measures."
    for plot in plots:
        yield f"\n![{plot.removesuffix('.svg')}]({plot})"
    for suite, content in known.items():
        yield f"\n## {suite}\n\n{content['at']}, {content['machine']}\n"
        yield "| | figure | value | target | |\n|---|---|---:|---|---|"
        yield from (_row(row) for row in content["figures"])


def _row(row: Mapping[str, Any]) -> str:
    value = "not measured" if row["value"] is None else f"{shown(row['value'])} {row['unit']}".strip()
    target = row["target"]
    limit = f"{'≥' if target['at_least'] else '≤'} {target['limit']:g}" if target else ""
    verdict = f"**{row['verdict']}**" if row["verdict"] == MISSED else row["verdict"]
    detail = str(row["detail"]).replace("|", "/")
    return f"| {verdict} | `{row['key']}` {row['text']} | {value} | {limit} | {detail} |"
