"""An account is found by whatever people call it, and never by a guess."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import pytest

from shared.inquire.find_account import FindAccount, NoSuchAccountError
from shared.model.faults import Fault, System, TransientFault

ONE, OTHER = UUID(int=1), UUID(int=2)


@dataclass
class Numbers:
    """Implements AccountNumbers."""

    found: dict[str, list[UUID]] = field(default_factory=dict[str, list[UUID]])
    fault: Fault | None = None

    async def by_number(self, number: str) -> Sequence[UUID]:
        if self.fault:
            raise self.fault
        return self.found.get(number, [])


AWAY = TransientFault(System.DATAVERSE, "no connection")


async def test_an_id_is_taken_as_it_is() -> None:
    assert await FindAccount(Numbers(fault=AWAY), Numbers(fault=AWAY)).find(str(ONE).upper()) == ONE


async def test_sales_comes_before_the_customers() -> None:
    assert await FindAccount(Numbers({"A": [ONE]}), Numbers({"A": [OTHER]})).find("A") == ONE


async def test_a_customer_account_leads_to_its_account() -> None:
    assert await FindAccount(Numbers(), Numbers({"A": [ONE, ONE]})).find("A") == ONE


async def test_without_sales_the_customers_may_still_know() -> None:
    assert await FindAccount(Numbers(fault=AWAY), Numbers({"A": [ONE]})).find("A") == ONE
    with pytest.raises(TransientFault):
        await FindAccount(Numbers(fault=AWAY), Numbers()).find("A")


async def test_a_number_of_two_accounts_asks_for_an_id() -> None:
    with pytest.raises(NoSuchAccountError, match=rf"More than one account.*{ONE}, {OTHER}"):
        await FindAccount(Numbers({"A": [ONE, OTHER]}), Numbers()).find("A")


async def test_a_number_that_nobody_has_is_said_to_be() -> None:
    with pytest.raises(NoSuchAccountError, match=r'No account has .* "A"'):
        await FindAccount(Numbers(), Numbers()).find("A")
