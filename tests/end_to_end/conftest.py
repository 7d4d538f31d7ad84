"""One system for all tests: the services that the environment names, or a stand of our own."""

from collections.abc import AsyncIterator

import httpx
import pytest

from local.stand import Stand, StandOptions
from tests.end_to_end.opening import SETTINGS, open_system, places_of
from tests.end_to_end.system import System, places_from_environment


@pytest.fixture(scope="package")
async def system() -> AsyncIterator[System]:
    if (places := places_from_environment()) is not None:
        async with open_system(places, None) as opened:
            yield opened
        return
    async with (
        Stand.start(StandOptions(settings=SETTINGS, core_tools=False)) as stand,
        open_system(places_of(stand), stand) as opened,
    ):
        yield opened


@pytest.fixture
async def control(system: System) -> AsyncIterator[httpx.AsyncClient]:
    """The control endpoint of the simulators; whatever a test changed there is put back."""
    if system.control is None:
        pytest.skip("needs the control endpoint of the stand")
    yield system.control
    (await system.control.delete("/faults")).raise_for_status()
    (await system.control.post("/events/release", json={})).raise_for_status()
    usual = {"via": "both", "latency_ms": {"dataverse": 0, "operations": 0}}
    (await system.control.post("/settings", json=usual)).raise_for_status()


@pytest.fixture
def stand(system: System) -> Stand:
    if system.stand is None:
        pytest.skip("needs a stand of our own")
    return system.stand
