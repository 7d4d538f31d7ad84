"""The host's rules that need no process: schedules, routes, host.json, settings."""

import json
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.host.config import ConfigError, parse_time_span, read_host_config, read_settings, resolve
from local.host.datums import as_json, naive, with_offset
from local.host.routes import Route, RouteError, find_route
from local.host.schedule import Schedule, ScheduleError

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 * * * * *", "12:01:00"),
        ("* * * * * *", "12:00:01"),
        ("*/7 * * * * *", "12:00:07"),
        ("0 */5 * * * *", "12:05:00"),
        ("30 0 * * * *", "12:00:30"),
        ("0 0 * * * *", "13:00:00"),
    ],
)
def test_the_next_moment_of_a_schedule(expression: str, expected: str) -> None:
    assert Schedule.parse(expression).next_after(NOON).time() == time.fromisoformat(expected)


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("", "six fields"),
        ("*/5 * * * *", "six fields"),
        ("60 * * * * *", "field second"),
        ("*/0 * * * * *", "field second"),
        ("0 5,10 * * * *", "field minute"),
        ("0 3-50/4 * * * *", "field minute"),
        ("0 0 9 * * *", "field hour, not '9'"),
        ("0 0 * * * Mon-Fri", "field day of week, not 'Mon-Fri'"),
    ],
)
def test_any_other_schedule_is_refused_with_the_field(expression: str, reason: str) -> None:
    with pytest.raises(ScheduleError, match=reason):
        Schedule.parse(expression)


@given(
    st.sampled_from(["*/7 * * * * *", "0 */9 * * * *", "59 59 * * * *"]),
    st.integers(0, 4 * 10**9).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
)
def test_the_next_moment_is_later_and_on_the_schedule(expression: str, moment: datetime) -> None:
    schedule = Schedule.parse(expression)
    found = schedule.next_after(moment)
    assert found > moment
    assert schedule.next_after(found - timedelta(microseconds=1)) == found


def _routes(**templates: str) -> list[Route]:
    return [Route.parse(name, template, ["GET"]) for name, template in templates.items()]


@pytest.mark.parametrize(
    ("path", "function", "parameters"),
    [
        ("/api/items", "all", {"page": "1"}),
        ("/api/items/7", "by_number", {"id": "7"}),
        ("/api/items/new", "new", {}),
        ("/API/Items/NEW/", "new", {}),
        ("/api/items/a%20b", "by_name", {"name": "a b"}),
        ("/api/files/a/b", "files", {"path": "a/b"}),
        ("/api/files", "files", {}),
    ],
)
def test_the_most_specific_route_answers(path: str, function: str, parameters: dict[str, str]) -> None:
    routes = _routes(
        files="api/files/{*path}",
        by_name="api/items/{name}",
        by_number="api/items/{id:int}",
        new="api/items/new",
        all="api/items/{page:int=1}",
    )
    found = find_route(routes, "GET", path)
    assert found is not None
    assert (found[0].function, found[1]) == (function, parameters)


def test_a_route_that_is_not_understood_is_refused() -> None:
    with pytest.raises(RouteError):
        Route.parse("f", "x/{id:regex}", [])
    with pytest.raises(RouteError):
        Route.parse("f", "x/a{id}b", [])


@given(st.integers(0, 10**6))
def test_a_duration_reads_back(seconds: int) -> None:
    days, rest = divmod(seconds, 86400)
    text = f"{days}.{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    assert parse_time_span(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["5", "00:60:00", "00:00", "", "-00:00:01"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_time_span(text)


def _write(folder: Path, name: str, content: object) -> Path:
    file = folder / name
    file.write_text(json.dumps(content))
    return file


def test_host_json_has_the_defaults_of_the_extension(tmp_path: Path) -> None:
    _write(
        tmp_path, "host.json", {"version": "2.0", "extensions": {"serviceBus": {"clientRetryOptions": {}}}}
    )
    config = read_host_config(tmp_path)
    options = config.extensions.service_bus
    assert (options.prefetch_count, options.auto_complete_messages, options.max_concurrent_sessions) == (
        0,
        True,
        8,
    )
    assert options.max_auto_lock_renewal_duration == timedelta(minutes=5)
    assert config.extensions.http.route_prefix == "api"
    assert config.ignored() == ["extensions.serviceBus.clientRetryOptions"]


def test_a_wrong_host_json_names_the_key(tmp_path: Path) -> None:
    _write(tmp_path, "host.json", {"version": "2.0", "functionTimeout": "5 min"})
    with pytest.raises(ConfigError, match="functionTimeout"):
        read_host_config(tmp_path)


@pytest.mark.parametrize(
    "content", [{"Values": {"A": 1}}, {"IsEncrypted": True, "Values": {}}, {"Values": []}, []]
)
def test_settings_that_the_core_tools_refuse_are_refused(tmp_path: Path, content: object) -> None:
    with pytest.raises(ConfigError):
        read_settings(_write(tmp_path, "local.settings.json", content))


def test_references_to_settings_are_replaced() -> None:
    assert resolve("%A%-%B%", {"A": "x", "B": "y"}, "here") == "x-y"
    with pytest.raises(ConfigError, match="here: the setting C"):
        resolve("%C%", {}, "here")


def test_dates_are_written_as_the_real_host_writes_them() -> None:
    moment = datetime(2026, 11, 22, 10, 11, 12, 120_000, tzinfo=UTC)
    assert naive(moment) == "2026-11-22T10:11:12.12"
    assert with_offset(moment) == "2026-11-22T10:11:12.12+00:00"
    assert as_json({"at": moment, "raw": b"x"}).value == '{"at": "2026-11-22T10:11:12.12Z", "raw": "eA=="}'
