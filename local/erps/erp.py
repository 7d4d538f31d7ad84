"""What the stand must know about an ERP."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

HERE = Path(__file__).parent

type Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """The ERP's own names of the fields that are compared."""

    number: str
    name: str
    phone: str
    email: str
    website: str
    city: str
    country: str
    currency: str
    hold: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Erp:
    """One ERP.

    - `target`: its name in the setting TARGET, in the simulators and in results; `title`: its name in texts;
    - `settings`: those of the app for it, by its address and the token of the stand;
    - `values`: by field (as in `Fields`), the values that it stores in another way than the cases write them;
    - `constants`: fields that have the same value in every customer;
    - `local_currency`: the code that it stores as blank, if it does so;
    - `assigned_map`: the field map for numbers that it assigns itself, and `id_field`, the field that then
      holds the account's id;
    - `authorization`: the header of a request, by the token of the stand;
    - `reference_data`: what must be there before the first customer, by the currency codes that it has;
    - `numbering`: the simulator's settings by which it assigns the numbers (True) or takes given ones;
    - `customers`: its customers, read through its interface by a client for its address with the header;
    - `look_up`: the shell command that waits for the customer of a number and prints it.
    """

    target: str
    title: str
    settings: Callable[[str, str], dict[str, str]]
    fields: Fields
    constants: Mapping[str, str]
    values: Mapping[str, Mapping[str, str]]
    local_currency: str = ""
    assigned_map: Path
    id_field: str
    authorization: Callable[[str], str]
    reference_data: Callable[[Iterable[str]], dict[str, list[Row]]]
    numbering: Callable[[bool], dict[str, Any]]
    customers: Callable[[httpx.AsyncClient], Awaitable[list[Row]]]
    look_up: Callable[[str, str, str], str]

    @property
    def key(self) -> str:
        """Its name in the JSON of the simulators."""
        return self.target.replace("-", "_")

    @property
    def prefix(self) -> str:
        """How the names of the app's settings for it begin."""
        return f"{self.key.upper()}_"

    def stored(self, **values: str) -> dict[str, str]:
        """The values, named as in `Fields`, as the ERP names and stores them."""
        return {
            getattr(self.fields, name): self.values.get(name, {}).get(value, value)
            for name, value in values.items()
        }

    async def read_customers(self, url: str, token: str) -> list[Row]:
        """The customers at the app's address of the ERP."""
        headers = {"Authorization": self.authorization(token)}
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as client:
            return await self.customers(client)
