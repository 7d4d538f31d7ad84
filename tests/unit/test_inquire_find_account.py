"""An account is found by whatever people call it, and never by a guess."""

from collections.abc import Sequence
from uuid import UUID

import pytest

from shared.diagnostics.find_account import FindAccount, NoSuchAccountError
from shared.model.account import AccountName
from shared.model.faults import Fault, System, TransientFault
from tests.fakes.mapping import FakeInquiry
from tests.fakes.tables import FakeOwners

ONE, OTHER = UUID(int=1), UUID(int=2)


class Numbers(FakeOwners):
    """Accounts by a number, in Sales or in the table of the customers."""

    def __init__(self, found: dict[str, list[UUID]] | None = None, fault: Fault | None = None) -> None:
        super().__init__()
        self.found = found or {}
        self.fault = fault

    async def by_number(self, number: str) -> Sequence[UUID]:
        if self.fault:
            raise self.fault
        return self.found.get(number, [])


def find(sales: Numbers, customers: Numbers, names: dict[UUID, AccountName] | None = None) -> FindAccount:
    return FindAccount(FakeInquiry(numbers=sales.found, known=names or {}, fault=sales.fault), customers)


AWAY = TransientFault(System.DATAVERSE, "no connection")


async def test_an_id_is_taken_as_it_is() -> None:
    assert await find(Numbers(fault=AWAY), Numbers(fault=AWAY)).find(str(ONE).upper()) == ONE


async def test_sales_comes_before_the_customers() -> None:
    assert await find(Numbers({"A": [ONE]}), Numbers({"A": [OTHER]})).find("A") == ONE


async def test_a_customer_account_leads_to_its_account() -> None:
    assert await find(Numbers(), Numbers({"A": [ONE, ONE]})).find("A") == ONE


async def test_without_sales_the_customers_may_still_know() -> None:
    assert await find(Numbers(fault=AWAY), Numbers({"A": [ONE]})).find("A") == ONE
    with pytest.raises(TransientFault):
        await find(Numbers(fault=AWAY), Numbers()).find("A")


async def test_a_number_of_two_accounts_asks_for_an_id() -> None:
    with pytest.raises(NoSuchAccountError, match=rf"More than one account.*{ONE}; {OTHER}"):
        await find(Numbers({"A": [ONE, OTHER]}), Numbers()).find("A")


async def test_a_number_that_nobody_has_is_said_to_be() -> None:
    with pytest.raises(NoSuchAccountError, match=r'No account has .* "A"'):
        await find(Numbers(), Numbers()).find("A")


async def test_a_part_of_the_name_leads_to_the_account_whose_number_nobody_knows() -> None:
    names = {ONE: AccountName("C-1", "Contoso Ltd."), OTHER: AccountName("C-2", "Fabrikam")}
    assert await find(Numbers(), Numbers(), names).find(" contoso ") == ONE
    assert await find(Numbers({"Contoso": [OTHER]}), Numbers(), names).find("Contoso") == OTHER


async def test_several_accounts_of_a_name_are_listed_with_number_name_and_id() -> None:
    names = {UUID(int=n): AccountName(f"C-{n}", f"Contoso {n}") for n in range(1, 14)}
    with pytest.raises(NoSuchAccountError, match=rf"C-1 Contoso 1 {ONE}; C-2 Contoso 2 {OTHER}.*and 3 more"):
        await find(Numbers(), Numbers(), names).find("contoso")
    assert len(await find(Numbers(), Numbers(), names).all("contoso")) == 13
