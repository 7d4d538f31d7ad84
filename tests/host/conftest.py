"""One broker and one host for all tests that do not stop it, another broker for those that do."""

from collections.abc import AsyncIterator

import pytest

from tests.host.hosting import Broker, RunningHost, start_host


@pytest.fixture(scope="session")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Broker]:
    broker = await Broker.start(tmp_path_factory.mktemp("broker"))
    yield broker
    await broker.child.stop()


@pytest.fixture(scope="session")
async def quiet_broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Broker]:
    """A broker that the shared host does not read from."""
    broker = await Broker.start(tmp_path_factory.mktemp("broker"))
    yield broker
    await broker.child.stop()


@pytest.fixture(scope="session")
async def host(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningHost]:
    host = await start_host(tmp_path_factory.mktemp("host"), broker.connection_string)
    yield host
    await host.stop()
