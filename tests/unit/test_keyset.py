"""Pages by key, and the conditions of a look-up of many customers."""

import pytest

from shared.model.customer import Customer, CustomerKey
from shared.model.faults import ConfigurationFault, System, TransientFault
from shared.targets import keyset


def customers(*numbers: str) -> list[Customer]:
    return [Customer(CustomerKey("usmf", number), {}) for number in numbers]


def test_the_next_page_goes_on_after_the_last_key_as_it_was_read() -> None:
    page = keyset.page_after(System.NAV, customers("b", "A ", "O'Neil"), "z")
    assert page.after == "O'Neil"
    assert keyset.page_after(System.NAV, [], "z").after == ""


@pytest.mark.parametrize(("numbers", "after"), [(("a", "b"), "b"), (("a", "b", "a"), "")])
def test_a_page_that_does_not_advance_stops_the_walk(numbers: tuple[str, ...], after: str) -> None:
    with pytest.raises(ConfigurationFault, match="did not advance"):
        keyset.page_after(System.NAV, customers(*numbers), after)


def test_a_key_that_differs_in_case_is_an_advance_because_the_erp_decides() -> None:
    assert keyset.page_after(System.NAV, customers("B"), "b").after == "B"


def test_a_customer_without_a_number_is_no_end() -> None:
    with pytest.raises(TransientFault):
        keyset.page_after(System.NAV, customers("a", " "), "")


async def test_a_look_up_cuts_its_conditions_and_leaves_out_what_is_not_certain() -> None:
    asked: list[str] = []

    async def read(company: str, condition: str) -> list[Customer]:
        asked.append(condition)
        return [*customers("K-1", "k-2", "K-3", "k-3")] if "'K-1'" in condition else []

    async def find(key: CustomerKey) -> Customer | None:
        return Customer(key, {}) if key.number == "*1" else None

    keys = [CustomerKey("usmf", number) for number in ("*1", "*2", *(f"K-{n}" for n in range(200)))]
    found = await keyset.look_up(keys, "No", read, find, lambda number: "*" in number)
    assert {key.number for key in found} == {"*1", "K-1", "K-2"}
    assert all(len(condition) <= 2_000 for condition in asked)
    assert sum(condition.count("No%20eq%20") for condition in asked) == 200
    assert not any("*" in condition for condition in asked)
