"""The outcomes of events and checks, and the causes for parking: two closed lists."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.model.mapping import MappingTable, escape_key, fits_key


class Ending(StrEnum):
    """How an event or a check can end. The sum over all endings equals the number of events received."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    COVERED = "covered"
    MERGED = "merged"
    REPEATED = "repeated"
    FILTERED = "filtered"
    DELETED = "deleted"
    PARKED = "parked"
    REJECTED = "rejected"
    RETRYING = "retrying"  # not final: another attempt follows


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the work on one message ended.

    `detail` is the rule, the cause or the reason. `fields` are the names of the fields written. `due` is when
    the copy for the next attempt is due.
    """

    ending: Ending
    detail: str = ""
    fields: tuple[str, ...] = ()
    due: datetime | None = None

    @property
    def is_final(self) -> bool:
        """Whether no other attempt follows."""
        return self.ending is not Ending.RETRYING


class Cause(StrEnum):
    """Why an account is parked. Each has its remedy."""

    UNMAPPED_CURRENCY = "UnmappedCurrency"
    BAD_MAPPING = "BadMapping"
    UNKNOWN_ERP_CURRENCY = "UnknownErpCurrency"
    UNMAPPED_VALUE = "UnmappedValue"
    UNKNOWN_ERP_VALUE = "UnknownErpValue"
    PARENT_NOT_SYNCED = "ParentNotSynced"
    PARENT_IN_OTHER_COMPANY = "ParentInOtherCompany"
    NO_ACCOUNT_NUMBER = "NoAccountNumber"
    MISSING_VALUE = "MissingValue"
    VALUE_TOO_LONG = "ValueTooLong"
    BAD_VALUE = "BadValue"
    KEY_CHANGED = "KeyChanged"
    NUMBER_TAKEN = "NumberTaken"
    CUSTOMER_EXISTS = "CustomerExists"
    CUSTOMER_GONE = "CustomerGone"
    AMBIGUOUS_MATCH = "AmbiguousMatch"
    REFUSED = "RefusedByErp"  # in version 1: RefusedByOperations
    REFUSED_BY_SALES = "RefusedBySales"
    ACCOUNT_NOT_FOUND = "AccountNotFound"
    GUARD_TRIPPED = "GuardTripped"
    RETRIES_EXHAUSTED = "RetriesExhausted"
    UNEXPECTED = "UnexpectedError"

    @classmethod
    def _missing_(cls, value: object) -> "Cause | None":
        return cls.REFUSED if value == _REFUSED_BEFORE else None


_REFUSED_BEFORE = "RefusedByOperations"
MAPPING_CAUSES = (Cause.UNMAPPED_CURRENCY, Cause.UNMAPPED_VALUE, Cause.BAD_MAPPING)
CODE_CAUSES = (Cause.UNKNOWN_ERP_CURRENCY, Cause.UNKNOWN_ERP_VALUE)


def of_mapping(table: MappingTable, issue: str) -> bool:
    """Whether the key of an issue says that a row of this table, or its code, is missing or wrong."""
    cause, _, value = issue.partition("|")
    if table.of_currencies:
        return cause in {Cause.UNMAPPED_CURRENCY, Cause.BAD_MAPPING, Cause.UNKNOWN_ERP_CURRENCY}
    return cause in {*MAPPING_CAUSES, *CODE_CAUSES} and value.startswith(table.value(""))


def keys_of_cause(text: str) -> tuple[str, ...]:
    """Return the keys under which a cause, or one value of it, is stored, with the key of version 1."""
    same = {str(Cause.REFUSED), _REFUSED_BEFORE}
    return (str(Cause.REFUSED), _REFUSED_BEFORE) if text in same else (text,)


_REMEDIES: dict[Cause, str] = {
    Cause.UNMAPPED_CURRENCY: "Add a row for this currency to the currency mapping; the account then follows.",
    Cause.BAD_MAPPING: "Mend the rows of this value in its mapping table: exactly one, with a code.",
    Cause.UNKNOWN_ERP_CURRENCY: "Correct the code in the currency mapping, or add it in {erp}.",
    Cause.UNMAPPED_VALUE: "Add a row for the value to its mapping table; the account then follows. A value "
    "of a value map: correct it in Sales, or add it to the field map, then replay the account.",
    Cause.UNKNOWN_ERP_VALUE: "Correct the code in the mapping table, or add it in {erp}.",
    Cause.PARENT_NOT_SYNCED: "The account that it refers to has no customer in {erp} yet. This one follows "
    "by itself once it has one; explain that account to see what it waits for.",
    Cause.PARENT_IN_OTHER_COMPANY: "The account that it refers to has its customer in another company. Refer "
    "to an account of the same company in Sales, or correct the company of one of the two.",
    Cause.NO_ACCOUNT_NUMBER: "Give the account an account number in Sales.",
    Cause.MISSING_VALUE: "Fill the column in Sales.",
    Cause.VALUE_TOO_LONG: "Shorten the value in Sales, or let the field map truncate it.",
    Cause.BAD_VALUE: "Correct the value in Sales; it is not of the kind that the field takes.",
    Cause.KEY_CHANGED: "Set the account number and company back in Sales; or rename the customer in "
    "{erp} to the new number, then replay the account; or unlink the account: it then gets a new "
    "customer.",
    Cause.NUMBER_TAKEN: "Another account owns this customer. Give this account another number in Sales; or "
    "give the other one a new number, rename its customer in {erp} and replay it; or unlink the other.",
    Cause.CUSTOMER_EXISTS: "A customer of another name has this number. Make the two names equal, then "
    "replay the account; or give it another number; or set EXISTING_CUSTOMER to adopt, then replay. "
    "If its own customer was deleted in {erp}, unlink the account first.",
    Cause.CUSTOMER_GONE: "The customer was removed in {erp}. Restore it there and replay the account; "
    "or unlink the account: it then gets a new customer.",
    Cause.AMBIGUOUS_MATCH: "Several customers answer to this key in {erp}; merge them, then replay.",
    Cause.REFUSED: "The named field was refused: correct its value in Sales, or the set-up in {erp}.",
    Cause.REFUSED_BY_SALES: "Sales refused the app this account; check the app's rights on it and the "
    "plug-ins, then replay.",
    Cause.ACCOUNT_NOT_FOUND: "Sales does not know this account any more. If it was deleted, block its "
    "customer in {erp} where that is wanted, and unlink the account; if not, give the app's user "
    "access to it, then replay.",
    Cause.GUARD_TRIPPED: "More was to be created or blocked than is allowed in an hour, or by a "
    "load that was cancelled; check, then replay.",
    Cause.RETRIES_EXHAUSTED: "A system failed for too long; check it, then replay the account.",
    Cause.UNEXPECTED: "This is a defect; its stack is in the log. Report it, then replay the account.",
}


def remedy(cause: Cause, erp: str) -> str:
    """Return what to do about a cause; `erp` is the name of the ERP in use."""
    return _REMEDIES[cause].replace("{erp}", erp)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an account is parked, without personal data.

    `value` is only set where it groups accounts (a currency name, a code). `status` and `error_type` come
    from the refusing system. Its error texts are never stored, because they quote values. `advice` is what to
    do, where the cause alone does not tell it.
    """

    cause: Cause
    value: str = ""
    field: str = ""
    status: int | None = None
    error_type: str = ""
    advice: str = ""

    @property
    def key(self) -> str:
        """The PartitionKey of the row in Issues. A value too long for a key is replaced by its hash."""
        if not self.value:
            return str(self.cause)
        key = f"{self.cause}|{escape_key(self.value)}"
        if fits_key(key):
            return key
        return f"{self.cause}|{hashlib.blake2b(self.value.encode(), digest_size=16).hexdigest()}"

    def remedy(self, erp: str = "the ERP") -> str:
        """Return what to do; `erp` is the name of the ERP in use."""
        return self.advice.replace("{erp}", erp) or remedy(self.cause, erp)

    def __str__(self) -> str:
        """In one line: cause, field, value."""
        parts = [str(self.cause), *(part for part in (self.field, self.value) if part)]
        return " ".join(parts)
