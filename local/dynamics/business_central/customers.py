"""The rules of a customer: values of a body enter, the values of a record leave.

Sources: github.com/microsoft/ALAppExtensions, APIV2Customers.Page.al; github.com/microsoft/BCApps,
Customer.Table.al and GraphMgtGeneralTools.Codeunit.al. Each field is validated by itself, in the order of the
body or of the page. Whatever does not fit raises a BusinessCentralError, and nothing is written.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from local.dynamics.business_central import errors
from local.dynamics.business_central.address import Draft, set_country, set_post_code
from local.dynamics.business_central.entities import (
    CURRENCIES,
    CUSTOMERS,
    CUSTOMERS_WITH_ACCOUNT,
    PAYMENT_TERMS,
)
from local.dynamics.business_central.environment import Company, Environment
from local.dynamics.business_central.schema import NO_ID
from local.dynamics.business_central.store import Row, Table, Tables

_MAIL = re.compile(r"[^@\s]+@[^@\s]+")


@dataclass(frozen=True, slots=True)
class Customers:
    """Customers of one company."""

    company: Company
    environment: Environment
    tables: Tables

    @property
    def table(self) -> Table:
        """The rows."""
        return self.tables.of(self.company, CUSTOMERS)

    def create(self, sent: Mapping[str, Any]) -> Row:
        """Insert a customer; without a number it takes the next one of the series."""
        if not sent.get("displayName"):
            raise errors.dialog('A "displayName" must be provided.')
        draft = {name: item.empty for name, item in CUSTOMERS_WITH_ACCOUNT.properties.items()}
        draft["number"] = self._new_number(sent.get("number", ""))
        self._validate(draft, sent)
        return self.table.put(self.tables.new_row(draft))

    def change(self, before: Row, sent: Mapping[str, Any]) -> Row:
        """Change a customer; another number renames it."""
        if sent.get("displayName") == "":
            raise errors.dialog('The blank "displayName" is not allowed.')
        draft = dict(before.values)
        number = sent.get("number", draft["number"])
        if number != draft["number"]:
            if not number or self.table.with_key(number) is not None:
                raise errors.exists(self.environment.duplicate_status, number)
            draft["number"] = number
        self._validate(draft, sent)
        return self.table.put(self.tables.next_version(before.id, draft))

    def shown(self, row: Row) -> dict[str, Any]:
        """The values as the page shows them: a blank currency reads as the ledger's own."""
        code = row.values["currencyCode"]
        currency = self.tables.of(self.company, CURRENCIES).with_key(code) if code else None
        return {
            **row.values,
            "id": row.id,
            "currencyCode": code or self.company.local_currency,
            "currencyId": currency.id if currency else NO_ID,
        }

    def _new_number(self, number: str) -> str:
        """A given number that exists is a clash even where the series allows no manual numbers."""
        if not number:
            return self.company.numbers.draw(lambda drawn: self.table.with_key(drawn) is not None)
        if self.table.with_key(number) is not None:
            raise errors.exists(self.environment.duplicate_status, number)
        if not self.company.numbers.manual:
            raise errors.dialog(
                "You may not enter numbers manually. If you want to enter numbers manually, please activate "
                "Manual Nos. in No. Series CUST."
            )
        return number

    def _validate(self, draft: Draft, sent: Mapping[str, Any]) -> None:
        for name in self._order(sent):
            validate = _VALIDATE.get(name)
            if validate is None:
                draft[name] = sent[name]
            else:
                validate(self, draft, sent[name])
        self._check_currency(sent)

    def _order(self, sent: Iterable[str]) -> list[str]:
        names = [name for name in sent if name != "number"]
        if self.environment.validation_order == "page":
            page = [*CUSTOMERS_WITH_ACCOUNT.properties]
            names.sort(key=page.index)
        return names

    def set_country(self, draft: Draft, value: str) -> None:
        """Check the country, and let it clear the address."""
        if value and value not in self.company.countries:
            raise errors.not_related("Country/Region Code", value, "Country/Region")
        set_country(draft, value, self.company)

    def set_post_code(self, draft: Draft, value: str) -> None:
        """Let the post code set the rest of the address."""
        set_post_code(draft, value, self.company)

    def set_currency(self, draft: Draft, value: str) -> None:
        """The ledger's own currency is stored as a blank; a code is cut to ten characters."""
        code = value[:10]
        if code == self.company.local_currency:
            code = ""
        if code and self.tables.of(self.company, CURRENCIES).with_key(code) is None:
            raise errors.dialog('The "currencyCode" does not match to a Currency.')
        draft["currencyCode"] = code

    def set_currency_id(self, draft: Draft, value: str) -> None:
        """The zero id stands for the ledger's own currency."""
        row = self.tables.of(self.company, CURRENCIES).by_id.get(value)
        if value != NO_ID and row is None:
            raise errors.dialog('The "currencyId" does not match to a Currency.')
        draft["currencyCode"] = row.values["code"] if row else ""

    def _check_currency(self, sent: Mapping[str, Any]) -> None:
        if "currencyCode" not in sent or "currencyId" not in sent:
            return
        by_code, by_id = {"currencyCode": ""}, {"currencyCode": ""}
        self.set_currency(by_code, sent["currencyCode"])
        self.set_currency_id(by_id, sent["currencyId"])
        if by_code != by_id:
            raise errors.dialog("The currency values do not match to a specific Currency.")

    def set_payment_terms(self, draft: Draft, value: str) -> None:
        """The zero id stands for no payment terms."""
        if value != NO_ID and value not in self.tables.of(self.company, PAYMENT_TERMS).by_id:
            raise errors.dialog('The "paymentTermsId" does not match to a Payment Terms.')
        draft["paymentTermsId"] = value

    def set_phone(self, draft: Draft, value: str) -> None:
        """Letters are refused."""
        if any(char.isalpha() for char in value):
            raise errors.field_error(
                f"Phone No. must not contain letters in Customer No.='{draft['number']}'."
            )
        draft["phoneNumber"] = value

    def set_mail(self, draft: Draft, value: str) -> None:
        """Every address of a list must have the form of an address."""
        wrong = [part for part in re.split("[;,]", value) if not _MAIL.fullmatch(part.strip())]
        if value and wrong:
            raise errors.dialog(f'The email address "{wrong[0]}" is not valid.')
        draft["email"] = value

    def set_salesperson(self, draft: Draft, value: str) -> None:
        """The salesperson must exist."""
        if value and value not in self.company.salespeople:
            raise errors.not_related("Salesperson Code", value, "Salesperson/Purchaser")
        draft["salespersonCode"] = value


_VALIDATE: dict[str, Callable[[Customers, Draft, Any], None]] = {
    "country": Customers.set_country,
    "postalCode": Customers.set_post_code,
    "currencyCode": Customers.set_currency,
    "currencyId": Customers.set_currency_id,
    "paymentTermsId": Customers.set_payment_terms,
    "phoneNumber": Customers.set_phone,
    "email": Customers.set_mail,
    "salespersonCode": Customers.set_salesperson,
}
