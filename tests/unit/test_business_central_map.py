"""Business Central's shipped field map, its guide, its simulator and the code agree with each other."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local.dynamics.business_central.entities import CUSTOMERS, CUSTOMERS_WITH_ACCOUNT
from shared.field_maps import FieldMapError, load_field_map
from shared.settings import Settings, environment_names
from shared.targets.business_central import errors
from shared.wiring.erp import erp_of
from tests.fakes.clock import FakeClock
from tests.flow.world import SETTINGS

NAME = "business-central"
MAP = load_field_map(NAME, NAME)
GUIDE = (Path(__file__).parents[2] / "docs/business-central.md").read_text(encoding="utf-8")


def test_the_map_needs_standard_columns_and_one_setting() -> None:
    assert MAP.settings == {"BUSINESS_CENTRAL_COMPANY"}
    assert not any(name.startswith(("msdyn_", "cdm_")) for name in MAP.watched)
    assert all(entry.column for entry in MAP.fields.values())


@pytest.mark.parametrize("name", sorted(MAP.fields))
def test_each_field_is_a_property_of_the_page_with_its_length(name: str) -> None:
    item = CUSTOMERS.properties[name]
    assert item.editable
    assert MAP.fields[name].max_length == (item.max_length or 10)


def test_the_maps_of_the_guide_load(tmp_path: Path) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)
    assert blocks
    for block in blocks:
        file = tmp_path / "own.toml"
        file.write_text(block, encoding="utf-8")
        assert load_field_map(str(file), NAME).key.second_key == "accountId"
        with pytest.raises(FieldMapError, match="TARGET"):
            load_field_map(str(file), "operations")


def test_the_partners_page_of_the_guide_has_every_field_of_the_map() -> None:
    shown = set(re.findall(r"field\((\w+); (?:Rec\.|CurrencyCode)", GUIDE))
    assert {*MAP.names, "id", "number", "blocked", "accountId"} == shown
    assert shown <= set(CUSTOMERS_WITH_ACCOUNT.properties)


def test_the_guide_names_every_setting_and_every_code() -> None:
    for name in environment_names().values():
        if name.startswith("BUSINESS_CENTRAL_"):
            assert f"`{name}`" in GUIDE
    for code in errors._BY_CODE:
        family = code.partition("_")[0] + "_..."
        listed = errors._BY_CODE[code] is not errors.Meaning.REFUSED
        assert not listed or f"`{code}`" in GUIDE or f"`{family}`" in GUIDE, code


def test_the_app_counts_the_currencies_of_its_own_company() -> None:
    own = {"target": NAME, "business_central_url": "https://api.invalid/v2.0/t/e"}
    settings = Settings.model_validate({**SETTINGS, **own, "business_central_company": "CRONUS"})
    nothing_is_sent: Any = SimpleNamespace(clock=FakeClock())
    target = erp_of(settings, MAP).target(nothing_is_sent)
    assert target._values.currencies._names == ["CRONUS"]  # pyright: ignore[reportAttributeAccessIssue]
