"""host.json and local.settings.json: what the host reads before it loads the app.

In: the two files. Out: a frozen `HostConfig`, and the settings as plain strings. Refused, with one sentence
that names the file and the key: another schema version, encrypted settings, values that are not strings,
durations that are not `[d.]hh:mm:ss`. Source: learn.microsoft.com/azure/azure-functions/functions-host-json
and .../functions-bindings-service-bus (host.json settings).
"""

import json
import os
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

_TIME_SPAN = re.compile(r"(?:(\d+)\.)?(\d{1,2}):([0-5]?\d):([0-5]?\d(?:\.\d{1,7})?)")
_REFERENCE = re.compile(r"%([^%]+)%")


class ConfigError(Exception):
    """The host cannot start with this configuration; the text says what to change."""


def parse_time_span(text: object) -> timedelta:
    """Read a .NET TimeSpan as host.json writes it, `[d.]hh:mm:ss[.fffffff]`."""
    match = _TIME_SPAN.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{text!r} is not a duration of the form [d.]hh:mm:ss")
    days, hours, minutes, seconds = match.groups()
    return timedelta(days=int(days or 0), hours=int(hours), minutes=int(minutes), seconds=float(seconds))


def _parse_function_timeout(text: object) -> timedelta | None:
    return None if text in (-1, "-1") else parse_time_span(text)


TimeSpan = Annotated[timedelta, BeforeValidator(parse_time_span)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="allow")


class ServiceBusOptions(_Section):
    """`extensions.serviceBus`; defaults are those of the extension's version 5."""

    prefetch_count: int = Field(default=0, ge=0)
    auto_complete_messages: bool = True
    max_auto_lock_renewal_duration: TimeSpan = timedelta(minutes=5)
    max_concurrent_calls: int = Field(default=16 * (os.cpu_count() or 1), ge=1)
    max_concurrent_sessions: int = Field(default=8, ge=1)
    max_concurrent_calls_per_session: Literal[1] = 1
    session_idle_timeout: TimeSpan = timedelta(minutes=1)


class HttpOptions(_Section):
    """`extensions.http`."""

    route_prefix: str = "api"


class Extensions(_Section):
    """`extensions`."""

    service_bus: ServiceBusOptions = ServiceBusOptions()
    http: HttpOptions = HttpOptions()


class Logging(_Section):
    """`logging`."""

    log_level: Mapping[str, str] = {}


class HostConfig(_Section):
    """host.json, as far as it matters on one machine."""

    version: Literal["2.0"]
    function_timeout: Annotated[timedelta | None, BeforeValidator(_parse_function_timeout)] = timedelta(
        minutes=30
    )
    extensions: Extensions = Extensions()
    logging: Logging = Logging()

    def ignored(self) -> list[str]:
        """Service Bus and HTTP options that are set in the file and that this host does not know."""
        sections = {"serviceBus": self.extensions.service_bus, "http": self.extensions.http}
        return [
            f"extensions.{name}.{key}"
            for name, section in sections.items()
            for key in section.model_extra or {}
        ]


def read_host_config(app: Path) -> HostConfig:
    """Read host.json of the app folder; raise `ConfigError` if it is missing or not understood."""
    file = app / "host.json"
    try:
        return HostConfig.model_validate(_read_json(file))
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in error.errors()
        )
        raise ConfigError(f"{file} is not a host.json that this host understands: {problems}") from None


def read_settings(file: Path) -> dict[str, str]:
    """The `Values` of a local.settings.json; raise `ConfigError` where the Core Tools would refuse it too."""
    content = _read_json(file)
    if content.get("IsEncrypted"):
        raise ConfigError(f"{file} is encrypted: run `func settings decrypt` first")
    values = content.get("Values", {})
    if not isinstance(values, dict):
        raise ConfigError(f"{file}: Values must be an object of strings")
    wrong = [name for name, value in values.items() if not isinstance(value, str)]
    if wrong:
        raise ConfigError(f"{file}: Values must be strings, these are not: {', '.join(wrong)}")
    return values


def resolve(text: str, settings: Mapping[str, str], where: str) -> str:
    """Replace each `%NAME%` by that setting; raise `ConfigError` naming `where` if there is none."""

    def value(match: re.Match[str]) -> str:
        found = settings.get(match[1])
        if not found:
            raise ConfigError(f"{where}: the setting {match[1]} that {text!r} names is not set")
        return found

    return _REFERENCE.sub(value, text)


def _read_json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError(f"{file} does not exist") from None
    except ValueError as error:
        raise ConfigError(f"{file} is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{file} must hold a JSON object")
    return content
