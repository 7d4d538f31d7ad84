"""The config file: the official emulator's format, read strictly."""

import json
from pathlib import Path

import pytest

from local.servicebus.__main__ import DEFAULT_CONFIG
from local.servicebus.config import ConfigFault, QueueSettings, parse_config, read_config


def config(*queues: object, **namespace: object) -> str:
    entry = {"Name": "sbemulatorns", "Queues": list(queues), "Topics": []} | namespace
    return json.dumps({"UserConfig": {"Namespaces": [entry], "Logging": {"Type": "File"}}})


def test_the_queues_of_the_stand_are_as_the_app_expects_them() -> None:
    queues = {queue.name: queue for queue in read_config(DEFAULT_CONFIG).queues}
    assert set(queues) == {"dataverse-events", "account-changes", "rejected-events", "load-pages"}
    changes, events = queues["account-changes"], queues["dataverse-events"]
    assert (changes.requires_session, changes.requires_duplicate_detection) == (True, True)
    assert (changes.duplicate_window, changes.lock_duration, changes.max_delivery_count) == (600.0, 60.0, 100)
    pages = queues["load-pages"]
    assert (pages.requires_session, pages.requires_duplicate_detection) == (False, True)
    assert (events.requires_session, events.lock_duration, events.max_delivery_count) == (False, 60.0, 100)


def test_what_is_not_stated_is_as_in_the_official_emulator() -> None:
    (queue,) = parse_config(config({"Name": "q"})).queues
    assert queue == QueueSettings("q", 60.0, 3, False, False, 20.0, 3600.0, False)


def test_values_beyond_the_emulators_ranges_are_taken() -> None:
    properties = {"LockDuration": "PT0.5S", "MaxDeliveryCount": 2000, "DefaultMessageTimeToLive": "P30D"}
    (queue,) = parse_config(config({"Name": "q", "Properties": properties})).queues
    assert (queue.lock_duration, queue.max_delivery_count) == (0.5, 2000)
    assert queue.default_time_to_live == 30 * 86400


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "no JSON"),
        ("[]", "wrong entries"),
        (config({"Name": "q", "Properties": {"LockDuration": "1 minute"}}), "ISO 8601"),
        (config({"Name": "q", "Properties": {"LockDuration": "PT0S"}}), "LockDuration"),
        (config({"Name": "q", "Properties": {"LockDuraton": "PT1M"}}), "LockDuraton"),
        (config({"Name": "q", "Properties": {"MaxDeliveryCount": 0}}), "MaxDeliveryCount"),
        (config({"Name": "q", "Properties": {"ForwardTo": "r"}}), "forwarding is not supported"),
        (
            config({"Name": "q", "Properties": {"ForwardDeadLetteredMessagesTo": "r"}}),
            "forwarding is not supported",
        ),
        (config({"Name": "q"}, {"Name": "Q"}), "same name"),
        (config(Topics=[{"Name": "t"}]), "Topics are not supported"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(text: str, expected: str) -> None:
    with pytest.raises(ConfigFault, match=expected):
        parse_config(text)


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigFault, match="cannot be read"):
        read_config(tmp_path / "none.json")
