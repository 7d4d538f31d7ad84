"""What the app needs of its surroundings, read from the app itself: its settings, code and host.json.

In: the repository. Out: an `AppNeeds`, which tests may also change, to see that the checks notice.
"""

import ast
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from shared import telemetry
from shared.environment import load_settings
from shared.messaging import queues
from shared.messaging.queues import QueueSender
from shared.model.change import AccountChange
from shared.model.outcome import Ending, Outcome
from shared.settings import Settings, environment_names
from shared.storage import tables
from shared.wiring import Application
from tests.infra.templates import ROOT
from tests.unit.making import change

BUS = "ServiceBus"
# Written by the Functions host itself after each invocation, also when the app does not start.
OF_THE_HOST = ("Executed 'Functions.heal' (Failed, Id=1, Duration=1ms)",)
# Port -> the use case over it, where only people use it; unless a trigger has come to use it too.
OF_OPERATORS = {"leftovers": "resubmit"}


@dataclass(frozen=True, slots=True)
class Trigger:
    """A function that a queue triggers."""

    queue: str
    connection: str
    sessions: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AppNeeds:
    """Settings by their environment name; queues it is triggered by and sends to; its tables; host.json."""

    settings: dict[str, Any]
    required: frozenset[str]
    example: dict[str, str]
    triggers: tuple[Trigger, ...]
    functions: frozenset[str]
    routes: frozenset[str]
    senders: frozenset[str]
    tables: tuple[str, ...]
    host: dict[str, Any]
    broker: dict[str, dict[str, Any]]
    log_lines: tuple[str, ...]

    @classmethod
    def read(cls) -> "AppNeeds":
        """As the repository has it."""
        names = environment_names()
        fields = Settings.model_fields
        config = _json("local/servicebus/Config.json")["UserConfig"]["Namespaces"][0]["Queues"]
        return cls(
            settings={names[field]: info.default for field, info in fields.items()},
            required=frozenset(names[field] for field, info in fields.items() if info.is_required()),
            example=_json("local.settings.json.example")["Values"],
            triggers=tuple(_triggers()),
            functions=frozenset(
                str(_text(call.args[0])) for call in _calls("functions") if _named(call) == "function_name"
            ),
            routes=frozenset(
                str(_text(one.value))
                for call in _calls("functions")
                for one in call.keywords
                if _named(call) == "route" and one.arg == "route"
            ),
            senders=frozenset(_senders()),
            tables=tables.TABLES,
            host=_json("host.json"),
            broker={queue["Name"]: queue["Properties"] for queue in config},
            log_lines=tuple(_log_lines()),
        )

    @property
    def bus(self) -> dict[str, Any]:
        """host.json's settings of the Service Bus."""
        return self.host["extensions"]["serviceBus"]


def _json(path: str) -> dict[str, Any]:
    return json.loads((ROOT / path).read_text(encoding="utf-8"))


def _calls(folder: str) -> Iterator[ast.Call]:
    for file in sorted((ROOT / "shared" / folder).rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        yield from (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _named(call: ast.Call) -> str:
    match call.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


def _triggers() -> Iterator[Trigger]:
    for call in _calls("functions"):
        if _named(call) == "service_bus_queue_trigger":
            given = {str(one.arg): _text(one.value) for one in call.keywords}
            yield Trigger(
                str(given["queue_name"]), str(given["connection"]), bool(given.get("is_sessions_enabled"))
            )


def _senders() -> Iterator[str]:
    """The queues that the app as it is wired sends to; what only people's use cases open does not count."""
    triggers = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "shared/functions").glob("*.py"))
    settings, field_map = load_settings(_json("local.settings.json.example")["Values"])
    ports = Application(settings, field_map).ports
    for name, port in vars(ports).items():
        if name not in OF_OPERATORS or f".{OF_OPERATORS[name]}" in triggers:
            yield from (
                sender._queue
                for sender in getattr(port, "__dict__", {}).values()
                if isinstance(sender, QueueSender)
            )


def _text(node: ast.expr) -> object:
    """A literal, or a constant of the adapter of the Service Bus."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return getattr(queues, name, None)
        case _:
            return None


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def _log_lines() -> list[str]:
    """The lines that the app writes for each ending, and the fixed beginnings of its other lines."""
    handler = _Lines()
    level = telemetry.LOGGER.level
    telemetry.LOGGER.addHandler(handler)
    telemetry.LOGGER.setLevel(logging.INFO)
    try:
        _write_lines(change())
    finally:
        telemetry.LOGGER.removeHandler(handler)
        telemetry.LOGGER.setLevel(level)
    return [*handler.lines, *_other_lines(), *OF_THE_HOST]


def _write_lines(of: AccountChange) -> None:
    now = of.occurred_at
    for ending in ("queued", "filtered", "rejected"):
        telemetry.log_intake(telemetry.Intake(ending, of.source, UUID(int=1), UUID(int=2), "detail"))
    for ending in Ending:
        telemetry.log_outcome(of, Outcome(ending), now)
        telemetry.log_outcome(of, Outcome(ending, "detail"), now)
    telemetry.log_outcome(of, Outcome(Ending.PARKED, "GuardTripped"), now)
    telemetry.log_outcome(of, Outcome(Ending.RETRYING, "operations: answered 429"), now)


def _other_lines() -> Iterator[str]:
    for call in _calls("."):
        match call:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="LOGGER")), args=[ast.Constant(value=str(text)), *_]
            ):
                yield text
            case _:
                pass
