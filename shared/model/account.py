"""The account as read from Dataverse."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

# Columns of the table account that field maps commonly read, to suggest one for a name that is wrong
# (learn.microsoft.com/power-apps/developer/data-platform/reference/entities/account).
COMMON_COLUMNS = (
    *("accountcategorycode", "accountid", "accountnumber", "accountratingcode", "businesstypecode"),
    *("creditlimit", "creditonhold", "customersizecode", "customertypecode", "description"),
    *("donotbulkemail", "donotemail", "donotphone", "emailaddress1", "emailaddress2", "emailaddress3"),
    *("fax", "ftpsiteurl", "industrycode", "lastusedincampaign", "marketcap", "masterid", "name"),
    *("numberofemployees", "ownerid", "ownershipcode", "parentaccountid", "paymenttermscode"),
    *("preferredcontactmethodcode", "primarycontactid", "primarytwitterid", "revenue", "sharesoutstanding"),
    *("shippingmethodcode", "sic", "statecode", "statuscode", "stockexchange", "telephone1", "telephone2"),
    *("telephone3", "territoryid", "tickersymbol", "transactioncurrencyid", "websiteurl"),
    *(
        f"address{number}_{part}"
        for number in (1, 2)
        for part in (
            *("addresstypecode", "city", "country", "county", "fax", "latitude", "line1", "line2", "line3"),
            *("longitude", "name", "postalcode", "postofficebox", "primarycontactname", "stateorprovince"),
            *("telephone1", "telephone2", "upszone", "utcoffset"),
        )
    ),
)


@dataclass(frozen=True, slots=True)
class AccountCurrency:
    """The currency that an account refers to: its name as typed in Sales, and the ISO code beside it."""

    name: str
    iso_code: str | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """One row of the account table.

    `version` is Dataverse's versionnumber, which only rises. `read_at` is the `Date` header of the answer, in
    UTC. `columns` holds the values by logical name; values of related rows are named `lookup.column`.
    """

    account_id: UUID
    version: int
    read_at: datetime
    columns: Mapping[str, object]
    currency: AccountCurrency | None = None


class AccountName(NamedTuple):
    """The name and number of an account for people. They are shown, but never stored or logged."""

    number: str
    name: str

    def __str__(self) -> str:
        """Number and name, as far as the account has them."""
        return " ".join(filter(None, self))


class SystemJob(NamedTuple):
    """A job of Dataverse that posts an event of an account, or has posted it."""

    name: str
    status: str
    created_at: datetime | None
    message: str
