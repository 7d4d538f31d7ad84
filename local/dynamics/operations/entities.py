"""The data entities of the simulated environment: CustomersV3, and those that its fields refer to.

Properties of CustomersV3: those of the public dual-write map
(learn.microsoft.com/dynamics365/fin-ops-core/dev-itpro/data-entities/dual-write/customer-mapping) and the
usual others of the entity in the Common Data Model (github.com/microsoft/CDM, CustCustomerV3Entity).
"""

from collections.abc import Iterator

from local.dynamics.operations.schema import Entity, Property, enum, foreign, properties, text


def environment_entities() -> dict[str, Entity]:
    """All entities by entity set."""
    entities = [
        Entity(
            "CustomerV3",
            "CustomersV3",
            "CustCustomerV3Entity",
            "CustTable",
            "Customers",
            properties(_customer()),
            pairs=3,
        ),
        Entity(
            "CustomerGroup",
            "CustomerGroups",
            "CustCustomerGroupEntity",
            "CustGroup",
            "Customer groups",
            properties(_group()),
        ),
        Entity("Currency", "Currencies", "CurrencyEntity", "Currency", "Currencies", properties(_currency())),
        Entity(
            "PaymentTerm",
            "PaymentTerms",
            "PaymentTermEntity",
            "PaymTerm",
            "Terms of payment",
            properties(_payment_term()),
        ),
    ]
    return {entity.entity_set: entity for entity in entities}


def _company() -> Property:
    return Property("dataAreaId", max_length=4, label="Company", key=True, edit=False)


def _customer() -> Iterator[Property]:
    yield _company()
    yield Property("CustomerAccount", max_length=20, label="Customer account", key=True, edit=False)
    group = foreign("CustomerGroupId", 10, "Customer group", "Customer groups", "CustomerGroups")
    yield _mandatory(group)
    yield _mandatory(foreign("SalesCurrencyCode", 3, "Currency", "Currencies", "Currencies"))
    yield from _party()
    yield from _contact()
    yield from _address("Address", "primary")
    yield from _address("DeliveryAddress", "delivery")
    yield from _address("InvoiceAddress", "invoice")
    yield Property("FullPrimaryAddress", max_length=250, edit=False, edit_on_create=False)
    yield from _terms()
    yield from _credit()


def _mandatory(item: Property) -> Property:
    return Property(
        item.name, max_length=item.max_length, label=item.label, mandatory=True, reference=item.reference
    )


def _party() -> Iterator[Property]:
    yield text("PartyType", 20, "Type")
    yield text("PartyNumber", 40, "Party ID")
    yield text("OrganizationName", 100, "Name")
    yield text("NameAlias", 20, "Search name")
    yield text("KnownAs", 60, "Known as")
    yield from (text(f"Person{part}Name", 25) for part in ("First", "Middle", "Last"))
    yield foreign("LanguageId", 7, "Language", "Languages")
    yield text("PartyCountry", 10)
    yield text("PartyState", 10)
    yield text("IdentificationNumber", 50, "Identification number")
    yield text("OrganizationNumber", 20, "Organization number")
    yield Property("OrganizationNumberOfEmployees", "Int32", label="Number of employees")
    yield text("SalesMemo", 65535, "Memo")
    yield text("VendorAccount", 20, "Vendor account")
    yield text("ContactPersonId", 20, "Contact")
    yield text("LineOfBusinessId", 10)
    yield text("CommissionCustomerGroupId", 10)


def _contact() -> Iterator[Property]:
    for part in ("Email", "Phone", "Fax", "URL", "Twitter"):
        yield text(f"PrimaryContact{part}", 255)
        yield text(f"PrimaryContact{part}Description", 60)
        yield text(f"PrimaryContact{part}Purpose", 255)
    yield text("PrimaryContactPhoneExtension", 10)
    yield enum("PrimaryContactPhoneIsMobile")


def _address(prefix: str, what: str) -> Iterator[Property]:
    yield text(f"{prefix}Street", 250, f"Street ({what})")
    yield text(f"{prefix}City", 60, f"City ({what})")
    yield text(f"{prefix}State", 10, f"State ({what})")
    yield text(f"{prefix}County", 10, f"County ({what})")
    yield text(f"{prefix}ZipCode", 10, f"ZIP/postal code ({what})")
    yield text(f"{prefix}CountryRegionId", 10, f"Country/region ({what})")
    yield foreign(f"{prefix}CountryRegionISOCode", 2, "ISO code", "Countries/regions")
    yield text(f"{prefix}Description", 60)
    yield text(f"{prefix}LocationRoles", 255)
    yield text(f"{prefix}LocationId", 30)
    yield Property(f"{prefix}ValidFrom", "DateTimeOffset")
    yield Property(f"{prefix}ValidTo", "DateTimeOffset")
    yield Property(f"{prefix}Latitude", "Decimal")
    yield Property(f"{prefix}Longitude", "Decimal")


def _terms() -> Iterator[Property]:
    yield foreign("PaymentTerms", 10, "Terms of payment", "Terms of payment", "PaymentTerms")
    yield foreign("PaymentMethod", 10, "Method of payment", "Methods of payment")
    yield foreign("PaymentSchedule", 10, "Payment schedule", "Payment schedules")
    yield foreign("PaymentDay", 10, "Payment day", "Payment days")
    yield Property("PaymentTermsBaseDays", "Int32")
    yield foreign("DeliveryTerms", 10, "Delivery terms", "Terms of delivery")
    yield foreign("DeliveryMode", 10, "Mode of delivery", "Modes of delivery")
    yield foreign("SiteId", 10, "Site", "Sites")
    yield foreign("WarehouseId", 10, "Warehouse", "Warehouses")
    yield foreign("SalesTaxGroup", 10, "Sales tax group", "Sales tax groups")
    yield text("TaxExemptNumber", 20, "Tax exempt number")
    yield foreign("InvoiceAccount", 20, "Invoice account", "Customers", "CustomersV3")
    yield enum("InvoiceAddress", "InvoiceOrderAccount")


def _credit() -> Iterator[Property]:
    yield Property("CreditLimit", "Decimal", label="Credit limit")
    yield text("CreditRating", 10, "Credit rating")
    yield enum("CreditLimitIsMandatory")
    yield enum("IsOneTimeCustomer")
    yield enum("IsExternallyMaintained")
    yield enum("IsSalesTaxIncludedInPrices")
    yield enum("OnHoldStatus", "CustVendorBlocked")


def _group() -> Iterator[Property]:
    yield _company()
    yield Property("CustomerGroupId", max_length=10, label="Customer group", key=True, edit=False)
    yield text("Description", 60, "Description")
    yield text("ClearingPeriodPaymentTermName", 10)
    yield text("DefaultDimensionDisplayValue", 500)
    yield text("CustomerAccountNumberSequence", 10)
    yield foreign("PaymentTermId", 10, "Terms of payment", "Terms of payment")
    yield text("TaxGroupId", 10)
    yield enum("IsSalesTaxIncludedInPrice")


def _payment_term() -> Iterator[Property]:
    yield _company()
    yield Property("Name", max_length=10, label="Terms of payment", key=True, edit=False)
    yield text("Description", 60, "Description")
    yield Property("NumberOfDays", "Int32")


def _currency() -> Iterator[Property]:
    yield Property("CurrencyCode", max_length=3, label="Currency", key=True, edit=False)
    yield text("Name", 120, "Name")
    yield text("Symbol", 5, "Symbol")
    yield text("CurrencyGender", 20)
    yield text("ReferenceCurrencyForTriangulation", 3)
    yield Property("GeneralRoundingRule", "Decimal")
    yield Property("RoundingRuleFixedAssetDepreciation", "Decimal")
