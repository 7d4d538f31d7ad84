"""The config file: the official emulator's `Config.json` in, settings of queues out.

In: `{"UserConfig": {"Namespaces": [{"Name", "Queues": [{"Name", "Properties": {…}}], "Topics": []}]}}`,
property names as in
learn.microsoft.com/azure/service-bus-messaging/test-locally-with-service-bus-emulator, durations in ISO
8601. What is not stated has the emulator's default. Refused with `ConfigFault`: unknown properties, wrong
values, forwarding (`ForwardTo`, `ForwardDeadLetteredMessagesTo`) and topics that are not empty.

The emulator's ranges are not enforced, so the `Config.json` beside this module says things that the
official emulator refuses; for it, change them:
- MaxDeliveryCount 100 (account-changes, dataverse-events): the emulator allows 10 at most.
- DuplicateDetectionHistoryTimeWindow PT10M (account-changes): the emulator allows PT5M at most.
- DefaultMessageTimeToLive P14D (all queues): the emulator allows PT1H at most.
"""

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_pascal

MAX_MESSAGE_SIZE = 256 * 1024


class ConfigFault(Exception):  # noqa: N818 - names whose fault it is
    """The config file cannot be used; the text says what to change."""


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """One queue. Durations in seconds; None means without limit."""

    name: str
    lock_duration: float = 60.0
    max_delivery_count: int | None = 3
    requires_session: bool = False
    requires_duplicate_detection: bool = False
    duplicate_window: float = 20.0
    default_time_to_live: float | None = 3600.0
    dead_letter_on_expiration: bool = False

    def of_dead_letters(self) -> "QueueSettings":
        """The settings of this queue's dead-letter queue: no sessions, messages stay until they are taken."""
        return replace(
            self,
            name=f"{self.name}/$DeadLetterQueue",
            max_delivery_count=None,
            requires_session=False,
            requires_duplicate_detection=False,
            default_time_to_live=None,
            dead_letter_on_expiration=False,
        )


@dataclass(frozen=True, slots=True)
class NamespaceSettings:
    """The namespace and its queues."""

    queues: tuple[QueueSettings, ...]
    name: str = "sbemulatorns"


def _only_iso_8601(value: object) -> object:
    if not isinstance(value, str) or not value.startswith("P"):
        raise ValueError("must be an ISO 8601 duration such as PT1M")
    return value


Duration = Annotated[timedelta, BeforeValidator(_only_iso_8601), Field(gt=timedelta())]


class _Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_pascal, extra="forbid", frozen=True)


class _Properties(_Model):
    lock_duration: Duration = timedelta(minutes=1)
    max_delivery_count: Annotated[int, Field(ge=1, strict=True)] = 3
    requires_session: bool = False
    requires_duplicate_detection: bool = False
    duplicate_detection_history_time_window: Duration = timedelta(seconds=20)
    default_message_time_to_live: Duration = timedelta(hours=1)
    dead_lettering_on_message_expiration: bool = False
    forward_to: str | None = None
    forward_dead_lettered_messages_to: str | None = None


class _Queue(_Model):
    name: Annotated[str, Field(min_length=1, max_length=260)]
    properties: _Properties = _Properties()


class _Namespace(_Model):
    name: str = "sbemulatorns"
    queues: list[_Queue] = []
    topics: list[object] = []


class _UserConfig(_Model):
    namespaces: Annotated[list[_Namespace], Field(min_length=1, max_length=1)]
    logging: dict[str, object] = {}


class _File(_Model):
    user_config: _UserConfig


def read_config(path: Path) -> NamespaceSettings:
    """Settings from a config file. Raises ConfigFault."""
    try:
        return parse_config(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigFault(f"The config file {path} cannot be read: {error}") from error


def parse_config(text: str) -> NamespaceSettings:
    """Settings from the text of a config file. Raises ConfigFault."""
    try:
        namespace = _File.model_validate(json.loads(text)).user_config.namespaces[0]
    except json.JSONDecodeError as error:
        raise ConfigFault(f"The config file is no JSON: {error}") from error
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ConfigFault(f"The config file has wrong entries: {problems}") from error
    if namespace.topics:
        raise ConfigFault("Topics are not supported here: leave the list Topics empty, or use a queue.")
    names = [queue.name.lower() for queue in namespace.queues]
    if len(set(names)) < len(names):
        raise ConfigFault("Two queues have the same name; case does not matter.")
    return NamespaceSettings(tuple(_settings(queue) for queue in namespace.queues), namespace.name)


def _settings(queue: _Queue) -> QueueSettings:
    properties = queue.properties
    if properties.forward_to or properties.forward_dead_lettered_messages_to:
        raise ConfigFault(
            f"Queue '{queue.name}': forwarding is not supported here; remove ForwardTo and"
            " ForwardDeadLetteredMessagesTo."
        )
    return QueueSettings(
        name=queue.name,
        lock_duration=properties.lock_duration.total_seconds(),
        max_delivery_count=properties.max_delivery_count,
        requires_session=properties.requires_session,
        requires_duplicate_detection=properties.requires_duplicate_detection,
        duplicate_window=properties.duplicate_detection_history_time_window.total_seconds(),
        default_time_to_live=properties.default_message_time_to_live.total_seconds(),
        dead_letter_on_expiration=properties.dead_lettering_on_message_expiration,
    )
