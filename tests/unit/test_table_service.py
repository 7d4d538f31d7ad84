"""How the client of the Table service is made."""

from typing import Any

import pytest

from shared.settings import Settings
from shared.storage.tables import table_service
from tests.flow.world import SETTINGS


@pytest.mark.parametrize(("proxies", "asks"), [({}, False), ({"https": "http://proxy:8080"}, True)])
async def test_a_request_asks_the_environment_for_a_proxy_only_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, proxies: dict[str, str], asks: bool
) -> None:
    monkeypatch.setattr("shared.storage.tables.getproxies", lambda: proxies)
    async with table_service(Settings.model_validate(SETTINGS)) as made:
        client: Any = made
        transport = client._client._client._pipeline._transport
        assert transport._use_env_settings is asks
