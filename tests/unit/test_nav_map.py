"""NAV's shipped field map, its capabilities, and docs/nav.md agree with each other and with the code."""

import re
import tomllib
from pathlib import Path

import pytest

from shared.field_maps import load_field_map
from shared.settings import Settings
from shared.targets.nav.capabilities import capabilities

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/nav.md").read_text(encoding="utf-8")
EXAMPLES = [
    re.sub(r"^   ", "", text, flags=re.MULTILINE)
    for text in re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)
]
MAP = load_field_map("nav", "nav")


def test_the_map_has_the_lengths_of_nav_and_standard_columns_only() -> None:
    lengths = {name: entry.max_length for name, entry in MAP.fields.items()}
    assert {
        name: lengths[name] for name in ("Name", "Address", "City", "Post_Code", "E_Mail", "Currency_Code")
    } == {
        "Name": 50,
        "Address": 50,
        "City": 30,
        "Post_Code": 20,
        "E_Mail": 80,
        "Currency_Code": 10,
    }
    assert None not in lengths.values()
    assert MAP.settings == {"NAV_COMPANY"}
    assert not any(name.startswith(("msdyn_", "cdm_")) for name in MAP.watched)
    assert (MAP.company.field, MAP.key.field, MAP.hold.field, MAP.hold.blocked) == (
        "Company",
        "No",
        "Blocked",
        "All",
    )


def test_the_capabilities_follow_the_map() -> None:
    found = capabilities(MAP)
    assert (found.refuses_existing_number, found.refused_create_may_exist) == (False, True)
    assert (found.longest_request_seconds, found.page_size, found.assigns_numbers) == (960, 1_000, False)
    assert found.code_fields == {"No", "Post_Code", "Country_Region_Code", "Currency_Code"}
    assert found.sent_together == ("Country_Region_Code", "Post_Code", "City")
    assert found.changed_by_erp == set(found.sent_together)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_of_the_guide_works(tmp_path: Path, number: int) -> None:
    file = tmp_path / "own.toml"
    file.write_text(EXAMPLES[number], encoding="utf-8")
    assert not load_field_map(str(file), "nav").warnings


def test_the_guide_names_every_setting_and_no_other() -> None:
    own = {name for text in EXAMPLES for name in re.findall(r"NAV_\w+", text)} - {"NAV_COMPANY"}
    known = {name.upper() for name in Settings.model_fields if name.startswith("nav_")}
    assert set(re.findall(r"NAV_[A-Z_]+", GUIDE)) == known | own


def test_the_guide_names_the_length_of_names() -> None:
    shipped = tomllib.loads((ROOT / "shared/targets/nav/nav.toml").read_text(encoding="utf-8"))
    assert f"at most {shipped['fields']['Name']['max_length']} characters" in GUIDE


def test_the_guide_names_every_code_that_has_a_meaning_of_its_own() -> None:
    source = (ROOT / "shared/targets/nav/errors.py").read_text(encoding="utf-8")
    codes = re.findall(r'^    "(\w+_\w+)": Meaning', source, re.MULTILINE)
    assert len(codes) == 8
    assert [code for code in codes if code not in GUIDE] == []
