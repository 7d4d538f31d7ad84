"""The way of one update through the files of the product, from the function to the request to the ERP."""

import sys
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from types import FrameType

import pytest

from shared import wiring
from shared.functions import sync
from shared.model.change import AccountChange, encode_change
from shared.model.customer import Customer, CustomerKey, FieldValue
from tests.flow.world import World

SHARED = f"{Path(sync.__file__).parents[1]}/"
AROUND = f"{SHARED}telemetry/"  # a span times a step; whoever follows an update does not enter it
MOST_FILES, MOST_CHANGES_OF_FILE = 12, 35


class Message:
    """A message as the host hands it over, as far as the function reads it."""

    correlation_id = None

    def __init__(self, change: AccountChange) -> None:
        self._body = encode_change(change)

    def get_body(self) -> bytes:
        return self._body


class Invocation:
    """The host's context of an invocation, as far as the function reads it."""

    class trace_context:  # noqa: N801 - the name of the host's member
        trace_parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Way:
    """The calls into the product, each by its file; a coroutine that is resumed is no new call."""

    def __init__(self) -> None:
        self.files: list[str] = []
        self._frames: dict[int, FrameType] = {}  # kept alive, so that no id comes twice

    def note(self, frame: FrameType, event: str, _: object) -> None:
        file = frame.f_code.co_filename
        if file.startswith(AROUND):
            return
        if event == "call" and file.startswith(SHARED) and id(frame) not in self._frames:
            self._frames[id(frame)] = frame
            self.files.append(file.removeprefix(SHARED))


async def test_an_update_passes_few_files_on_its_way_to_the_erp(monkeypatch: pytest.MonkeyPatch) -> None:
    world, way = World(), Way()
    application = world.application()
    monkeypatch.setattr(wiring, "_application", lambda: application)
    function = sync.sync_account._function.get_user_function()  # pyright: ignore[reportPrivateUsage, reportFunctionMemberAccess]
    for seconds in (0, 3600):  # a worker that has run for a while
        world.clock.advance(seconds)
        await function(Message(world.save("A1", telephone1=str(seconds))), Invocation)
    world.clock.advance(3600)
    message = Message(world.save("A1", telephone1="more"))
    update = world.operations.update

    async def arrived(key: CustomerKey, fields: Mapping[str, FieldValue]) -> Customer:
        sys.setprofile(None)
        return await update(key, fields)

    monkeypatch.setattr(world.operations, "update", arrived)
    sys.setprofile(way.note)
    try:
        await function(message, Invocation)
    finally:
        sys.setprofile(None)
    assert world.operations.requests[-1] == "PATCH"
    changes = sum(one != other for one, other in pairwise(way.files))
    passed = f"{len(set(way.files))} files, {changes} changes of file: {' '.join(way.files)}"
    assert len(set(way.files)) <= MOST_FILES, passed
    assert changes <= MOST_CHANGES_OF_FILE, passed
