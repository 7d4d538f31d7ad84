"""One broker for all; the behaviours run in lanes at the same time, one lane for each SDK and module."""

import asyncio
import gc
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

pytest.register_assert_rewrite("tests.contract.servicebus.behaviours")

from tests.contract.servicebus.behaviours import connections, messages, sessions, settlement  # noqa: E402
from tests.contract.servicebus.broker_process import QUEUES, Broker, config_text, running_broker  # noqa: E402
from tests.contract.servicebus.sdks import Sdk  # noqa: E402

MODULES = (messages, settlement, sessions, connections)
KINDS = ("sync", "async")
type Behaviour = Callable[[Sdk, Broker], Awaitable[None]]


def behaviours_of(module: ModuleType) -> list[Behaviour]:
    """The functions of a module that take an SDK and a broker, in their order."""
    functions = [value for value in vars(module).values() if inspect.iscoroutinefunction(value)]
    own = [function for function in functions if function.__module__ == module.__name__]
    return [function for function in own if list(inspect.signature(function).parameters) == ["sdk", "broker"]]


def lane_of(kind: str, module: ModuleType) -> str:
    return f"{kind}-{module.__name__.rpartition('.')[2]}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "behaviour" in metafunc.fixturenames:
        cases = [
            pytest.param((kind, behaviour), id=f"{behaviour.__name__}-{kind}")
            for kind in KINDS
            for module in MODULES
            for behaviour in behaviours_of(module)
        ]
        metafunc.parametrize("behaviour", cases)


@pytest.fixture(scope="package")
def broker_of_package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    config = tmp_path_factory.mktemp("servicebus") / "Config.json"
    lanes = [lane_of(kind, module) for kind in KINDS for module in MODULES]
    config.write_text(config_text([*lanes, "js", "python"]))
    with running_broker(config) as broker:
        yield broker


@pytest.fixture(scope="package")
async def outcomes(broker_of_package: Broker) -> AsyncIterator[dict[tuple[str, Any], "asyncio.Future[None]"]]:
    """The outcome of each behaviour, as soon as its lane has come to it."""
    loop = asyncio.get_running_loop()
    results: dict[tuple[str, Any], asyncio.Future[None]] = {}
    with ThreadPoolExecutor(32) as threads:
        loop.set_default_executor(threads)
        lanes: list[asyncio.Task[None]] = []
        for kind in KINDS:
            for module in MODULES:
                found = {behaviour: loop.create_future() for behaviour in behaviours_of(module)}
                results |= {(kind, behaviour): future for behaviour, future in found.items()}
                broker = replace(broker_of_package, lane=lane_of(kind, module))
                lanes.append(asyncio.create_task(run_lane(Sdk(kind, broker), broker, found)))
        yield results
        for lane in lanes:
            lane.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)
        loop.set_default_executor(ThreadPoolExecutor())  # the loop is other tests' too, whatever their order
    gc.collect()  # while the warnings about the sockets that the SDKs leave open are still ignored


async def run_lane(sdk: Sdk, broker: Broker, behaviours: dict[Behaviour, "asyncio.Future[None]"]) -> None:
    """Run behaviours one after the other; each finds its queues empty."""
    try:
        for behaviour, future in behaviours.items():
            for queue in QUEUES:
                broker.clear(queue)
            try:
                future.set_result(await asyncio.wait_for(behaviour(sdk, broker), 60))
            except Exception as error:  # noqa: BLE001 - the test that waits for it raises it
                future.set_exception(error)
    finally:
        await sdk.close()
