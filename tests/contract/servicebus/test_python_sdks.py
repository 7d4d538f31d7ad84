"""The unmodified Python SDKs, the synchronous and the async one, against the broker: one suite on both."""

import asyncio
from typing import Any

import pytest


# The SDKs leave sockets unclosed when a connection is lost.
@pytest.mark.filterwarnings(
    "ignore:unclosed:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
async def test_python_sdk(
    behaviour: tuple[str, Any], outcomes: dict[tuple[str, Any], "asyncio.Future[None]"]
) -> None:
    await outcomes[behaviour]
