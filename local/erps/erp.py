"""What the stand must know about an ERP."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

HERE = Path(__file__).parent

type Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """The ERP's own names of the fields that are compared."""

    number: str
    name: str
    phone: str
    email: str
    website: str
    city: str
    post_code: str
    country: str
    currency: str
    terms: str
    hold: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Erp:
    """One ERP.

    - `target`: its name in the setting TARGET, in the simulators and in results; `title`: its name in texts;
    - `settings`: those of the app for it, by its address and the token of the stand;
    - `values`: by field (as in `Fields`), the values that it stores in another way than the cases write them;
    - `constants`: fields that have the same value in every customer;
    - `local_currency`: the code that it stores as blank, if it does so;
    - `terms`: the codes of payment terms that it has from the beginning, or some of them;
    - `post_codes`: those it knows, with the city and country that they set, if they set any;
    - `assigned_map`, `assigned_settings`: the field map and further settings for numbers that it assigns
      itself, and `id_field`, the field that then holds the account's id;
    - `parent`: the field with the customer of another account, if it has one;
    - `own_id`: the field with its own id of a customer, which a rename leaves as it is, if it has one;
    - `authorization`: the header of a request, by the token of the stand;
    - `reference_data`: what must be there before the first customer, by the currency codes that it has;
    - `numbering`: the simulator's settings by which it assigns the numbers (True) or takes given ones;
    - `customers`: its customers, read through its interface by a client for its address with the header;
    - `look_up`: the shell command that prints a customer, to be formatted with `url`, `authorization` and
      `number`;
    - `inserts_first`: whether it may insert a customer and refuse the creation then; its simulator's setting
      `refuse_creates` says how many of the next it refuses so;
    - `rename`: gives a customer another number, where that leaves the ERP's own id as it is.
    """

    target: str
    title: str
    settings: Callable[[str, str], dict[str, str]]
    fields: Fields
    constants: Mapping[str, str]
    values: Mapping[str, Mapping[str, str]]
    local_currency: str = ""
    terms: tuple[str, str, str, str]
    post_codes: Mapping[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    assigned_map: Path
    assigned_settings: Mapping[str, str] = field(default_factory=dict[str, str])
    id_field: str
    parent: str = ""
    own_id: str = ""
    authorization: Callable[[str], str]
    reference_data: Callable[[Iterable[str]], dict[str, Any]]
    numbering: Callable[[bool], dict[str, Any]]
    customers: Callable[[httpx.AsyncClient], Awaitable[list[Row]]]
    look_up: str
    inserts_first: bool = False
    rename: Callable[[httpx.AsyncClient, Row, str], Awaitable[httpx.Response]] | None = None

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

    def client(self, url: str, token: str) -> httpx.AsyncClient:
        """A client for the ERP at the app's address of it."""
        headers = {"Authorization": self.authorization(token)}
        return httpx.AsyncClient(base_url=url, headers=headers, timeout=60)
