"""The suite `telemetry`: what it makes of its measurements, and its two collectors."""

import socket

import httpx
import pytest

from bench.collector import collecting, never_answering
from bench.figures import judge
from bench.targets import TARGETS
from bench.telemetry import EVENTS, OFF, REACHABLE, UNREACHABLE, Measured, batches, figures

MEASURED = {
    OFF: Measured([0.4, 0.5, 0.9], 200, 0),
    REACHABLE: Measured([0.5, 0.6, 0.9], 240, 0),
    UNREACHABLE: Measured([0.5, 0.5, 0.9], 260, 2),
}


def test_lag_and_memory_are_compared_with_those_without_an_exporter() -> None:
    found = {figure.key.removeprefix("telemetry/"): figure.value for figure in figures(MEASURED, EVENTS)}
    assert found == {
        "lag-reachable": pytest.approx(1.2),
        "lag-unreachable": 1.0,
        "memory-reachable": 40,
        "memory-unreachable": 60,
        "lost": 2,
    }


def test_a_run_of_another_size_has_no_verdict_on_memory() -> None:
    lines = judge([*figures(MEASURED, 300)], TARGETS, [])
    assert {line.key for line in lines if line.target} == {
        *("telemetry/lag-reachable", "telemetry/lag-unreachable", "telemetry/lost")
    }


def test_the_events_are_as_many_as_asked_for_and_each_writes_a_new_value() -> None:
    events = [event for some in batches(1_234, "x") for event in some]
    assert len(events) == len({event.columns["telephone1"] for event in events}) == 1_234


def test_one_collector_counts_and_the_other_never_answers() -> None:
    with collecting() as collector, never_answering() as silent:
        assert httpx.post(f"{collector.address}/v1/traces", content=b"spans").status_code == 200
        assert collector.exports == 1
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{silent.address}/v1/traces", content=b"spans", timeout=0.2)
    with socket.socket() as other:
        port = int(silent.address.rpartition(":")[2])
        assert other.connect_ex(("127.0.0.1", port)) != 0
