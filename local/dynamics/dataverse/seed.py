"""What an organisation has from its first day: users, messages with their filters, currencies, and the
endpoints and steps that the command line asks for.

Rows are written through the store like any other, before anything listens to changes.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from local.dynamics.dataverse.store import Origin, Row, Store

MESSAGES = ("Create", "Update", "Delete", "Assign", "SetState", "Merge")
# Tables that steps can be for.
POSTED = ("account", "contact", "systemuser", "transactioncurrency", "new_paymentterm")
BASE_CURRENCY = {
    "currencyname": "US Dollar",
    "isocurrencycode": "USD",
    "currencysymbol": "$",
    "exchangerate": 1,
}
CURRENCIES = (
    BASE_CURRENCY,
    {"currencyname": "Euro", "isocurrencycode": "EUR", "currencysymbol": "€", "exchangerate": 0.92},
    {"currencyname": "Pound Sterling", "isocurrencycode": "GBP", "currencysymbol": "£", "exchangerate": 0.79},
    {"currencyname": "Swiss Franc", "isocurrencycode": "CHF", "currencysymbol": "CHF", "exchangerate": 0.88},
    {"currencyname": "Japanese Yen", "isocurrencycode": "JPY", "currencysymbol": "¥", "exchangerate": 155},
)


def fixed_id(kind: str, name: str) -> str:
    """An id that is the same in every run."""
    return str(uuid5(NAMESPACE_URL, f"{kind}/{name}"))


def put(store: Store, table: str, values: Mapping[str, Any], row_id: str | None = None) -> Row:
    """Write one row."""
    found = store.tables[table]
    with store.transaction():
        given = {**values, found.primary_id: row_id} if row_id else dict(values)
        return store.create(found, given, Origin())


def seed_organisation(store: Store) -> None:
    """Users, business unit, messages with filters for some tables, and a handful of currencies."""
    who = store.identity
    put(store, "businessunit", {"name": "Contoso"}, who.business_unit_id)
    put(store, "organization", {"name": "Contoso", "languagecode": 1033}, who.organization_id)
    put(store, "systemuser", {"fullname": "Integration User"}, who.user_id)
    seed_currencies(store, CURRENCIES)
    for name in MESSAGES:
        message = put(store, "sdkmessage", {"name": name}, fixed_id("sdkmessage", name))
        for entity in POSTED:
            values = {
                "primaryobjecttypecode": entity,
                "secondaryobjecttypecode": "none",
                "sdkmessageid": message.id,
            }
            put(store, "sdkmessagefilter", values, fixed_id("sdkmessagefilter", f"{name}/{entity}"))


def seed_currencies(store: Store, currencies: Iterable[Mapping[str, Any]]) -> None:
    """Put currencies in place, over those that are there; the id comes from the name if none is given."""
    table = store.tables["transactioncurrency"]
    for values in currencies:
        given = values.get(table.primary_id) or fixed_id(table.name, values["currencyname"])
        sent = {name: value for name, value in values.items() if name != table.primary_id}
        row = store.rows(table.name).get(given)
        if row is None:
            put(store, table.name, {"currencysymbol": values.get("isocurrencycode", ""), **sent}, given)
        else:
            with store.transaction():
                store.update(table, row, sent, Origin())


def register_queue(store: Store, connection: str, queue: str) -> None:
    """An endpoint for a Service Bus queue and its three steps on account."""
    parts = dict(part.split("=", 1) for part in connection.strip(";").split(";") if "=" in part)
    values = {
        "name": f"{queue} queue",
        "contract": 6,
        "authtype": 2,
        "namespaceaddress": parts["Endpoint"],
        "path": queue,
        "saskeyname": parts.get("SharedAccessKeyName"),
        "saskey": parts.get("SharedAccessKey"),
        "messageformat": 2,
        "messagecharset": 1,
        "userclaim": 2,
    }
    _register(store, put(store, "serviceendpoint", values, fixed_id("serviceendpoint", "queue")))


def register_webhook(store: Store, url: str, key: str | None) -> None:
    """An endpoint for a webhook and its three steps on account; the key goes as `?code=`."""
    values = {"name": "webhook", "contract": 8, "url": url, "authtype": 4, "authvalue": key}
    _register(store, put(store, "serviceendpoint", values, fixed_id("serviceendpoint", "webhook")))


def _register(store: Store, endpoint: Row) -> None:
    for message in ("Create", "Update", "Delete"):
        name = f"{endpoint.get('name')}: {message} of account"
        values = {
            "name": name,
            "stage": 40,
            "mode": 1,
            "rank": 1,
            "asyncautodelete": True,
            "eventhandler": endpoint.id,
            "sdkmessageid": fixed_id("sdkmessage", message),
            "sdkmessagefilterid": fixed_id("sdkmessagefilter", f"{message}/account"),
        }
        put(store, "sdkmessageprocessingstep", values, fixed_id("sdkmessageprocessingstep", name))
