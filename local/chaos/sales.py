"""The users of Sales: they carry out the steps, and everything that they ever wrote is remembered.

Out of it come the truth about each account, and what happens to the messages of Dataverse on their way.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any, Self

import httpx

from local.chaos.conditions import CURRENCIES
from local.chaos.plan import Step
from local.chaos.terms import TERMS
from local.dynamics.dataverse.seed import fixed_id
from local.stand_options import Addresses

TRIES = 60
RELATED = {"contact": "emailaddress1", "new_paymentterm": "new_name"}  # tables, and what is read of them
LATE_BY = timedelta(hours=1)
GARBAGE = (
    ("<RemoteExecutionContext id='{mark}'/>", "application/xml"),
    ('{{"MessageName": "Update", "cut": "{mark}', "application/json"),
    ('["{mark}"]', "application/json"),
    ("\x00\x01 {mark}", "application/octet-stream"),
)


@dataclass(slots=True)
class Written:
    """One account: its id, the columns as they were last written, and every version before."""

    id: str
    columns: dict[str, object]
    versions: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    deleted: bool = False

    def write(self, columns: Any) -> None:
        """Remember what was written."""
        self.columns = self.columns | dict(columns)
        self.versions.append(self.columns)


@dataclass(slots=True)
class Contact:
    """One contact: its id, and its mail address as it was last written."""

    id: str
    email: str


@dataclass(slots=True)
class Sales:
    """Connections to the Web API and to the control endpoint of the simulators."""

    web: httpx.AsyncClient
    control: httpx.AsyncClient
    accounts: dict[int, Written] = field(default_factory=dict[int, Written])
    contacts: dict[str, Contact] = field(default_factory=dict[str, Contact])
    garbage: list[str] = field(default_factory=list[str])
    _currencies: dict[str, str] = field(default_factory=dict[str, str])
    _terms: dict[str, str] = field(default_factory=dict[str, str])
    _operations: dict[int, str] = field(default_factory=dict[int, str])
    _posted: int = 0

    @classmethod
    def at(cls, addresses: Addresses) -> Self:
        """Clients for these addresses."""
        web = httpx.AsyncClient(
            base_url=f"{addresses.dataverse}/api/data/v9.2/",
            headers={"Authorization": f"Bearer {addresses.token}", "Prefer": "return=representation"},
            timeout=60,
        )
        return cls(web, httpx.AsyncClient(base_url=addresses.control, timeout=60))

    async def __aenter__(self) -> Self:
        rows = (await self.web.get("transactioncurrencies?$select=currencyname")).raise_for_status().json()
        self._currencies = {row["currencyname"]: row["transactioncurrencyid"] for row in rows["value"]}
        assert {currency.crm for currency in CURRENCIES} <= self._currencies.keys()
        for terms in TERMS:
            row = await self._ask("POST", "new_paymentterms", {"new_name": terms.name})
            self._terms[terms.name] = row["new_paymenttermid"]
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.web.aclose()
        await self.control.aclose()

    async def post_related(self) -> None:
        """Have Dataverse post changes of related rows to each endpoint that it posts those of accounts to."""
        endpoints = (await self._ask("GET", "serviceendpoints?$select=name", None))["value"]
        for endpoint, (table, column) in product(endpoints, RELATED.items()):
            scope = fixed_id("sdkmessagefilter", f"Update/{table}")
            step = {
                "name": f"{endpoint['name']}: Update of {table}",
                "stage": 40,
                "mode": 1,
                "asyncautodelete": True,
                "filteringattributes": column,
                **_bound("eventhandler_serviceendpoint", "serviceendpoints", endpoint["serviceendpointid"]),
                **_bound("sdkmessageid", "sdkmessages", fixed_id("sdkmessage", "Update")),
                **_bound("sdkmessagefilterid", "sdkmessagefilters", scope),
            }
            await self._ask("POST", "sdkmessageprocessingsteps", step)

    async def change_contacts(self) -> None:
        """Change every contact, without a change of an account."""
        for number in self.contacts:
            email = f"contact.{number}.last@example.com"
            await self._change_contact(number, Step("contact", 0, {"emailaddress1": email}))

    async def rename_terms(self, name: str) -> None:
        """Give the row of payment terms its later name."""
        (renamed,) = (terms.renamed for terms in TERMS if terms.name == name)
        await self._ask("PATCH", f"new_paymentterms({self._terms[name]})", {"new_name": renamed})

    async def take(self, step: Step) -> None:
        """Carry out one step."""
        match step.kind:
            case "create":
                row = await self._ask("POST", "accounts", await self._payload(step))
                self.accounts[step.account] = written = Written(row["accountid"], {"statecode": 0})
                written.write(self._read(step))
            case "change":
                written = self.accounts[step.account]
                await self._ask("PATCH", f"accounts({written.id})", await self._payload(step))
                written.write(self._read(step))
            case "contact":
                await self._change_contact(str(self.accounts[step.account].columns["contact"]), step)
            case "delete":
                written = self.accounts[step.account]
                await self._ask("DELETE", f"accounts({written.id})", None)
                written.deleted = True
            case "garbage":
                await self._garbage(step)
            case _:
                await self._again(step)

    async def rows(self) -> dict[str, dict[str, Any]]:
        """The accounts as they stand in Sales, by id; currency and terms by name, their contact's address."""
        names = {found: name for name, found in self._currencies.items()}
        rows = (await self.web.get("new_paymentterms?$select=new_name")).raise_for_status().json()
        terms = {row["new_paymenttermid"]: row["new_name"] for row in rows["value"]}
        state = (await self.control.get("/state", params={"system": "dataverse"})).raise_for_status().json()
        emails = {row["contactid"]: row["emailaddress1"] for row in state["dataverse"]["contacts"]}
        return {
            row["accountid"]: row
            | {"currency": names[row["_transactioncurrencyid_value"]]}
            | {"terms": terms.get(row["_new_paymenttermid_value"], "")}
            | {"emailaddress1": emails.get(row["_primarycontactid_value"], row["emailaddress1"])}
            for row in state["dataverse"]["accounts"]
        }

    async def jobs(self) -> list[dict[str, Any]]:
        """All that Dataverse has posted or is about to post."""
        return (await self.control.get("/events")).raise_for_status().json()["events"]

    async def _change_contact(self, number: str, step: Step) -> None:
        """Change a contact: every account that has it gets another address, without a change of its own."""
        contact, columns = self.contacts[number], dict(step.columns)
        await self._ask("PATCH", f"contacts({contact.id})", columns)
        contact.email = str(columns["emailaddress1"])
        for written in self.accounts.values():
            if written.columns.get("contact") == number and not written.deleted:
                written.write(columns)

    def _read(self, step: Step) -> dict[str, object]:
        """The columns that were written, with the address of the contact."""
        contact = self.contacts.get(str(step.columns.get("contact")))
        return {**step.columns, **({"emailaddress1": contact.email} if contact else {})}

    async def _contact(self, number: str) -> str:
        """The id of a contact, which is made when it is first needed."""
        if number not in self.contacts:
            email = f"contact.{number}.first@example.com"
            row = await self._ask("POST", "contacts", {"lastname": number, "emailaddress1": email})
            self.contacts[number] = Contact(row["contactid"], email)
        return self.contacts[number].id

    async def _payload(self, step: Step) -> dict[str, object]:
        payload = dict(step.columns)
        if contact := payload.pop("contact", None):
            payload |= _bound("primarycontactid", "contacts", await self._contact(str(contact)))
        if currency := payload.pop("currency", None):
            found = self._currencies[str(currency)]
            payload |= _bound("transactioncurrencyid", "transactioncurrencies", found)
        if terms := payload.pop("terms", None):
            payload |= _bound("new_paymenttermid", "new_paymentterms", self._terms[str(terms)])
        if (parent := payload.pop("parent", None)) is not None:
            payload |= _bound("parentaccountid", "accounts", self.accounts[int(str(parent))].id)
        return payload

    async def _ask(self, method: str, path: str, payload: object) -> Any:
        """One request, as often as it takes: users press the button again. Raises httpx.HTTPError."""
        for _ in range(TRIES):
            try:
                response = await self.web.request(method, path, json=payload)
            except httpx.TransportError:
                continue
            if response.status_code not in {429, 503}:
                return response.raise_for_status().json() if response.content else None
            await asyncio.sleep(0.05)
        raise httpx.TransportError("Sales does not answer")

    async def _again(self, step: Step) -> None:
        """A message of an account that Dataverse sends once more, late, or without its columns."""
        account_id = self.accounts[step.account].id
        order: dict[str, object] = {"account_id": account_id, "via": self._way()}
        if step.kind == "late":
            order["occurred_at"] = (datetime.now(UTC) - LATE_BY).isoformat()
        elif step.kind == "stripped":
            order["stripped"] = True
        elif (first := self._operations.get(step.account)) is not None:
            order = {"repeat_of": first}
        job = (await self.control.post("/events", json=order)).raise_for_status().json()
        self._operations[step.account] = job["operation_id"]

    async def _garbage(self, step: Step) -> None:
        mark = f"garbage-{len(self.garbage)}-of-{step.account}"
        body, content_type = GARBAGE[len(self.garbage) % len(GARBAGE)]
        self.garbage.append(mark)
        order = {"body": body.format(mark=mark), "content_type": content_type, "via": "queue"}
        (await self.control.post("/events", json=order)).raise_for_status()

    def _way(self) -> str:
        self._posted += 1
        return ("queue", "webhook")[self._posted % 2]


def _bound(look_up: str, entity_set: str, row_id: str) -> dict[str, str]:
    """The column that lets a look-up refer to a row."""
    return {f"{look_up}@odata.bind": f"/{entity_set}({row_id})"}
