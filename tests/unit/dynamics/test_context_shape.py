"""The RemoteExecutionContext of the simulator has the shape of real ones that were published.

Compared are members, their order and the kinds of their values; never texts, ids or numbers.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from local.dynamics.dataverse.store import Change, Origin
from local.dynamics.events.context import Execution, build_context, encode
from local.dynamics.events.steps import Endpoint, Step
from local.dynamics.simulator import Options, Simulator

SAMPLES = Path(__file__).parents[2] / "samples"
# Members that came to the contract later than some of the samples.
NEWER = {
    "InitiatingUserAgent",
    "InitiatingUserAzureActiveDirectoryObjectId",
    "UserAzureActiveDirectoryObjectId",
}


def simulated(message: str, *, synchronous: bool) -> dict[str, Any]:
    """A context of the simulator, as it comes off the wire."""
    simulator = Simulator(Options())
    heard: list[Change] = []
    simulator.store.on_change = heard.append
    table = simulator.store.tables["account"]
    with simulator.store.transaction():
        row = simulator.store.create(table, {"name": "A"}, Origin())
    with simulator.store.transaction():
        simulator.store.update(table, row, {"name": "B"}, Origin())
    change = next(one for one in heard if one.message == message)
    step = Step("a", "a step", Endpoint("e", "queue", "nowhere"), synchronous=synchronous)
    return json.loads(encode(build_context(simulator.store, change, step, Execution("op", change.at))))


def sample(name: str) -> dict[str, Any]:
    return json.loads((SAMPLES / name).read_text(encoding="utf-8-sig"))


def kind(value: Any) -> str:
    """What a value is: dates by their form, the rest by type; null fits everything."""
    if isinstance(value, str) and value.startswith("/Date("):
        return re.sub(r"[+-]", "±", re.sub(r"\d+", "n", value))
    return type(value).__name__


def members(context: dict[str, Any]) -> dict[str, str]:
    return {name: kind(value) for name, value in context.items() if name not in NEWER and value is not None}


def target(context: dict[str, Any]) -> dict[str, Any]:
    return next(one["value"] for one in context["InputParameters"] if one["key"] == "Target")


def attribute_forms(entity: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """The members of each kind of structured attribute value, by its `__type`."""
    values = [one["value"] for one in entity["Attributes"] if isinstance(one["value"], dict)]
    return {value["__type"]: tuple(value) for value in values}


CASES = [
    ("documentlocation-create-post-image.json", "Create", False),
    ("contact-update.json", "Update", False),
    ("account-create-synchronous-webhook.json", "Create", True),
]


@pytest.mark.parametrize(("name", "message", "synchronous"), CASES)
def test_members_and_kinds_are_those_of_the_sample(name: str, message: str, synchronous: bool) -> None:
    real, ours = sample(name), simulated(message, synchronous=synchronous)
    assert list(ours) == sorted(ours)
    assert list(real) == sorted(real)
    shared = members(real).keys() & members(ours).keys()
    assert {n: members(ours)[n] for n in shared} == {n: members(real)[n] for n in shared}
    assert set(real) - NEWER == set(ours) - NEWER
    assert list(target(ours)) == list(target(real))
    for context in (real, ours):
        assert (context["Mode"], context["Stage"], context["IsInTransaction"]) == (
            0 if synchronous else 1,
            40,
            synchronous,
        )


@pytest.mark.parametrize(("name", "message", "synchronous"), CASES)
def test_structured_values_have_the_same_members(name: str, message: str, synchronous: bool) -> None:
    real = attribute_forms(target(sample(name)))
    ours = attribute_forms(target(simulated(message, synchronous=synchronous)))
    assert real.keys() & ours.keys()
    assert {n: ours[n] for n in real.keys() & ours.keys()} == {n: real[n] for n in real.keys() & ours.keys()}


def test_the_automatic_image_comes_as_in_the_sample() -> None:
    real = sample("documentlocation-create-post-image.json")["PostEntityImages"]
    (ours,) = simulated("Create", synchronous=False)["PostEntityImages"]
    theirs = next(one for one in real if one["key"] == ours["key"])
    assert list(ours["value"]) == list(theirs["value"])
    assert ours["value"]["FormattedValues"] == theirs["value"]["FormattedValues"] == []
