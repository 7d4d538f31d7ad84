"""A running simulator for each test: real HTTP on free ports, closed afterwards."""

from collections.abc import AsyncIterator

import pytest

from local.dynamics.simulator import Options
from tests.contract.dynamics.simulator_stand import TOKEN, Stand, WebhookReceiver, start


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    running = await start(Options(token=TOKEN))
    await running.seed(
        currencies=[{"CurrencyCode": code, "Name": code} for code in ("USD", "EUR", "GBP")],
        groups=[
            {"dataAreaId": company, "CustomerGroupId": "10", "Description": "Wholesale"}
            for company in ("usmf", "dat")
        ],
    )
    yield running
    await running.close()


@pytest.fixture
async def receiver() -> AsyncIterator[WebhookReceiver]:
    listening = WebhookReceiver()
    await listening.start()
    yield listening
    await listening.stop()


@pytest.fixture
async def hooked(receiver: WebhookReceiver) -> AsyncIterator[Stand]:
    """A simulator that posts its events to the receiver."""
    running = await start(Options(token=TOKEN, webhook=receiver.url, webhook_key="secret key"))
    yield running
    await running.close()
