"""What the ERP in use is called, what its own fields are called, and how it behaves."""

from dataclasses import dataclass

from shared.model.faults import System


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """Facts about one ERP, under this field map.

    `name` is what people call it. `company_field`, `number_field` and `blocking_field` are its own names of
    fields; `blocked_value` is what blocks a customer. `refuses_existing_number`: a creation under a number
    that exists changes nothing. `address_is_one_unit`: a change of one part of an address sends all parts.
    `longest_request_seconds`: so long after it was sent, a request may still take effect.
    `most_concurrent_requests`: 0 if the ERP sets no limit of its own.
    """

    system: System
    name: str
    company_field: str
    number_field: str
    assigns_numbers: bool
    refuses_existing_number: bool
    blocking_field: str
    blocked_value: str
    address_is_one_unit: bool
    most_concurrent_requests: int
    longest_request_seconds: float
    page_size: int
