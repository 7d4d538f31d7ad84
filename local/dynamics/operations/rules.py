"""The application's rules: a JSON body enters, the values to write leave.

Order as documented (learn.microsoft.com/dynamics365/fin-ops-core/dev-itpro/data-entities/odata,
"Validations"): types and lengths of what was sent, foreign keys of what was sent, then on create the
defaults, then mandatory fields. Everything that does not fit raises an OperationsError.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local.dynamics.operations import errors
from local.dynamics.operations.environment import COUNTRIES, COUNTRY_IDS, LANGUAGES, Environment
from local.dynamics.operations.schema import ENUMS, NAMESPACE, Entity, Property
from local.dynamics.operations.store import Record, Records, normal


@dataclass(frozen=True, slots=True)
class Rules:
    """Validation and defaulting over the rows and the set-up of one environment."""

    entities: Mapping[str, Entity]
    records: Records
    environment: Environment

    def read_body(self, entity: Entity, body: bytes) -> dict[str, Any]:
        """The properties that were sent, checked for name, type and length."""
        try:
            sent = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise errors.bad_body("The payload is no valid JSON.") from error
        if not isinstance(sent, dict):
            raise errors.bad_body("The payload is no JSON object.")
        values: dict[str, Any] = {}
        for name, value in sent.items():
            if "@" in name:
                continue
            item = entity.properties.get(name)
            if item is None:
                raise errors.unknown_property(name, f"{NAMESPACE}.{entity.name}")
            values[name] = _value(entity, item, value)
        return values

    def for_create(self, entity: Entity, sent: dict[str, Any]) -> dict[str, Any]:
        """The complete row of a POST."""
        for name in sent:
            if not entity.properties[name].edit_on_create:
                raise errors.update_not_allowed(name)
        values = dict(sent)
        if entity.per_company:
            values["dataAreaId"] = self._company_id(entity, sent)
        self._check_references(entity, sent, values)
        if entity.entity_set == "CustomersV3":
            self._number(entity, values)
            self._customer_defaults(values)
        complete = {name: item.empty for name, item in entity.properties.items()} | values
        self._check_mandatory(entity, complete)
        if self.records.find(entity, complete) is not None:
            raise self._exists(entity, complete)
        if entity.entity_set == "CustomersV3":
            complete["PartyNumber"] = complete["PartyNumber"] or self.environment.draw_party()
        return _derived(entity, complete)

    def for_update(self, entity: Entity, before: Record, sent: dict[str, Any]) -> dict[str, Any]:
        """The complete row after a PATCH: only what was sent is validated."""
        for name in sent:
            if not entity.properties[name].edit or name in self.environment.read_only:
                raise errors.update_not_allowed(name)
        values = {**before.values, **sent}
        self._check_references(entity, sent, values)
        if "AddressCountryRegionISOCode" in sent and "AddressCountryRegionId" not in sent:
            values["AddressCountryRegionId"] = COUNTRY_IDS.get(sent["AddressCountryRegionISOCode"], "")
        self._check_mandatory(entity, values)
        return _derived(entity, values)

    def _company_id(self, entity: Entity, sent: Mapping[str, Any]) -> str:
        company = str(sent.get("dataAreaId") or self.environment.default_company).strip().lower()
        if company not in self.environment.companies:
            raise errors.not_related(entity.internal, "dataAreaId", "Company", company, "Legal entities")
        return company

    def _check_references(self, entity: Entity, sent: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        for name, value in sent.items():
            item = entity.properties[name]
            if item.reference is None or value == "":
                continue
            if not self._refers(item, value, values):
                related = item.reference.label
                raise errors.not_related(entity.internal, name, item.title, value, related)

    def _refers(self, item: Property, value: str, values: Mapping[str, Any]) -> bool:
        assert item.reference is not None
        company = str(values.get("dataAreaId", ""))
        if item.reference.entity_set is not None:
            related = self.entities[item.reference.entity_set]
            key = {related.keys[-1]: value} | ({"dataAreaId": company} if related.per_company else {})
            itself = item.name == "InvoiceAccount" and normal(value) == normal(
                values.get("CustomerAccount", "")
            )
            return itself or self.records.find(related, key) is not None
        if item.name.endswith("CountryRegionISOCode"):
            return value.upper() in COUNTRIES
        if item.name == "LanguageId":
            return value.lower() in LANGUAGES
        known = self.environment.companies[company].references.get(item.name, set())
        return normal(value) in {normal(one) for one in known}

    def _number(self, entity: Entity, values: dict[str, Any]) -> None:
        """Draw a customer account, or refuse a given one where the sequence is not manual."""
        numbers = self.environment.companies[values["dataAreaId"]].numbers
        given = values.get("CustomerAccount", "")
        if given and not numbers.manual:
            raise errors.number_refused(entity.internal, given)
        if not given:
            values["CustomerAccount"] = numbers.draw()

    def _customer_defaults(self, values: dict[str, Any]) -> None:
        """What initValue and the setters fill in: the company's currency, search name, language, country
        id.
        """
        company = self.environment.companies[values["dataAreaId"]]
        defaults = {
            "SalesCurrencyCode": company.currency,
            "PartyType": "Organization",
            "LanguageId": "en-us",
            "NameAlias": str(values.get("OrganizationName", ""))[:20],
            "AddressValidTo": "2154-12-31T23:59:59Z",
        }
        for name, value in defaults.items():
            values[name] = values.get(name) or value
        for prefix in ("Address", "DeliveryAddress", "InvoiceAddress"):
            code = str(values.get(f"{prefix}CountryRegionISOCode", "")).upper()
            if code and not values.get(f"{prefix}CountryRegionId"):
                values[f"{prefix}CountryRegionId"] = COUNTRY_IDS.get(code, "")

    def _check_mandatory(self, entity: Entity, values: Mapping[str, Any]) -> None:
        needed = [item for item in entity.properties.values() if item.mandatory or item.key]
        for item in needed:
            if values[item.name] == "":
                raise errors.must_be_filled(entity.internal, item.name, item.title)
        if values.get("PartyType") == "Organization" and not values["OrganizationName"]:
            raise errors.must_be_filled(entity.internal, "OrganizationName", "Name")

    def _exists(self, entity: Entity, values: Mapping[str, Any]) -> errors.OperationsError:
        item = entity.properties[entity.keys[-1]]
        value, status = str(values[item.name]), self.environment.duplicate_status
        return errors.exists(status, entity.table_label, entity.table, item.title, value)


def _derived(entity: Entity, values: dict[str, Any]) -> dict[str, Any]:
    """Display fields that are computed from others."""
    if "FullPrimaryAddress" not in entity.properties:
        return values
    place = " ".join(filter(None, (values["AddressCity"], values["AddressState"], values["AddressZipCode"])))
    lines = [values["AddressStreet"], place, values["AddressCountryRegionId"]]
    return {**values, "FullPrimaryAddress": "\n".join(filter(None, lines))}


def _value(entity: Entity, item: Property, value: object) -> Any:
    """One value in its kept form: no nulls, strings without trailing blanks."""
    if value is None and item.kind in ("String", "Enum"):
        return item.empty
    match item.kind:
        case "String":
            return _string(entity, item, value)
        case "Enum":
            if not isinstance(value, str) or value not in ENUMS[item.enum or ""]:
                raise errors.bad_literal(value, item.edm)
            return value
        case "DateTimeOffset":
            return _date(item, value)
        case _:
            whole = item.kind in ("Int32", "Int64")
            if (
                isinstance(value, bool)
                or not isinstance(value, int | float)
                or (whole and value != int(value))
            ):
                raise errors.bad_literal(value, item.edm)
            return int(value) if whole else value


def _date(item: Property, value: object) -> str:
    try:
        parsed = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        parsed = None
    if parsed is None or parsed.tzinfo is None:
        raise errors.bad_literal(value, item.edm)
    return parsed.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _string(entity: Entity, item: Property, value: object) -> str:
    if not isinstance(value, str):
        raise errors.bad_literal(value, item.edm)
    kept = value.rstrip(" ")
    if item.max_length is not None and len(kept.encode("utf-16-le", "surrogatepass")) // 2 > item.max_length:
        raise errors.too_long(entity.internal, item.name, item.title, item.max_length)
    return kept
