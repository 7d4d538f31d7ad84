"""Describes the ERP in use: its name, its field names, and how it behaves."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.model.faults import System


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """Facts about one ERP, under this field map.

    `name` is the ERP's name for people. `company_field`, `number_field` and `blocking_field` are the ERP's
    field names; `blocked_value` is the value that blocks a customer. `refuses_existing_number`: the ERP
    refuses to create a number that exists, and changes nothing. `refused_create_may_exist`: the ERP may
    insert a customer and then refuse one of its values. `code_fields` are stored trimmed and in upper case.
    `sent_together`: fields that are all sent, in this order, if one of them differs. `changed_by_erp`:
    fields whose values the ERP may change by itself when others are written. `blank_values`: what a field
    that was never written reads as, if that is not blank. `key_fields`: the fields that together are the key
    by which the app addresses a customer. `longest_request_seconds`: how
    long after sending a request may still take effect. `most_concurrent_requests`: 0 if the ERP has no limit.
    """

    system: System
    name: str
    company_field: str
    number_field: str
    assigns_numbers: bool
    refuses_existing_number: bool
    blocking_field: str
    blocked_value: str
    most_concurrent_requests: int
    longest_request_seconds: float
    page_size: int
    refused_create_may_exist: bool = False
    code_fields: frozenset[str] = frozenset()
    sent_together: tuple[str, ...] = ()
    changed_by_erp: frozenset[str] = frozenset()
    key_fields: frozenset[str] = frozenset()
    blank_values: Mapping[str, str] = field(default_factory=dict[str, str])
