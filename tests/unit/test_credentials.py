"""Whatever keeps a token from the app is its set-up's fault or passes; it is never an account's."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    DecodeError,
    HttpResponseError,
    ServiceRequestError,
)
from azure.identity import CredentialUnavailableError

from shared.model.faults import ConfigurationFault, System, TransientFault
from shared.web.credentials import EntraTokens


class Credential:
    """Gives no token."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def get_token(self, scope: str) -> object:
        raise self._error


def answered(status: int) -> HttpResponseError:
    headers: dict[str, str] = {}
    response: Any = SimpleNamespace(status_code=status, reason="x", headers=headers)
    return HttpResponseError("x", response=response)


async def fault_of(error: Exception) -> Exception:
    credential = cast(Any, Credential(error))
    tokens = EntraTokens(lambda: credential, "https://contoso/.default", System.DATAVERSE)
    with pytest.raises((ConfigurationFault, TransientFault)) as raised:
        await tokens.authorization()
    return raised.value


@pytest.mark.parametrize(
    "error",
    [
        ClientAuthenticationError("invalid_client"),
        CredentialUnavailableError("no identity"),
        answered(400),
        answered(401),
        ValueError("Invalid tenant ID provided."),
    ],
)
async def test_a_token_that_is_refused_is_a_wrong_set_up(error: Exception) -> None:
    fault = await fault_of(error)
    assert isinstance(fault, ConfigurationFault)
    assert "no token was issued" in str(fault)
    assert "tenant" not in str(fault)


@pytest.mark.parametrize("error", [answered(429), answered(503), ServiceRequestError("x"), DecodeError("x")])
async def test_a_token_service_in_trouble_is_asked_again_later(error: Exception) -> None:
    assert isinstance(await fault_of(error), TransientFault)
