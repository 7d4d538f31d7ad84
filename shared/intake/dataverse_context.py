"""Reads the RemoteExecutionContext that Dataverse posts, JSON of the .NET DataContract kind.

In: a body as bytes. Out: a `DataverseEvent` with the few things that a hint needs.
Whatever cannot be understood raises `RejectedEvent` with a stable reason and a remedy. All quirks of the
wire are known here and nowhere else (learn.microsoft.com/power-apps/developer/data-platform/use-webhooks
and .../azure-integration): collections are arrays of {key, value}, `__type` stands beside values, dates
are "/Date(ms+hhmm)/", and a message over the size limit arrives without its InputParameters.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, cast
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from shared.model.faults import RejectedEvent

_DATE = re.compile(r"/Date\((-?\d{1,17})(?:([+-])(\d\d)(\d\d))?\)/")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NIL = UUID(int=0)
TABLE = "account"
_USE_JSON = "Set the message format of the service endpoint in Dataverse to JSON."


@dataclass(frozen=True, slots=True, kw_only=True)
class DataverseEvent:
    """What an event says.

    `account_id` is None for messages that concern no single row; `attributes` is None where the event does
    not tell which columns changed.
    """

    organization_id: UUID
    message: str
    account_id: UUID | None
    operation_id: UUID
    correlation_id: UUID | None
    occurred_at: datetime
    in_transaction: bool
    initiating_user_id: UUID | None
    attributes: frozenset[str] | None


def read_event(body: bytes, content_type: str | None, received_at: datetime) -> DataverseEvent | None:
    """The event in a body, or None if it is about another table than `account`.

    `received_at` stands in where the body names no time of its own. Raises RejectedEvent, and nothing else,
    for whatever it cannot understand.
    """
    content = _members(_parsed(body, content_type))
    # The table comes first: events of other tables, such as the data events of Finance and Operations, may
    # lack what an event of an account has.
    if _table(content) not in {None, TABLE}:
        return None
    context = _validated(content)
    return DataverseEvent(
        organization_id=context.organization_id,
        message=context.message.lower(),
        account_id=context.account_id(),
        operation_id=context.operation(),
        correlation_id=context.correlation_id,
        occurred_at=_utc(context.occurred, received_at),
        in_transaction=context.mode == 0 or bool(context.is_in_transaction),
        initiating_user_id=context.initiating_user_id or context.user_id,
        attributes=context.attributes(),
    )


def _typed_scalar(value: object) -> object:
    """The value of a scalar that may come as {"__type": "Guid:#System", "__value": ...}."""
    if isinstance(value, dict) and "__value" in value:
        return cast(dict[str, object], value)["__value"]
    return cast(object, value)


type _Name = Annotated[str, Field(min_length=1)]
type _Account = Annotated[str, Field(pattern=f"(?i)^{TABLE}$")]
type _Typed[T] = Annotated[T, BeforeValidator(_typed_scalar)]


class _KeyValue(BaseModel):
    key: str
    value: object = None


class _Context(BaseModel):
    """The members that are used; any other is ignored, ParentContext is never looked into."""

    organization_id: _Typed[UUID] = Field(alias="OrganizationId")
    table: _Typed[_Account] = Field(alias="PrimaryEntityName")
    message: _Typed[_Name] = Field(alias="MessageName")
    primary_entity_id: _Typed[UUID | None] = Field(None, alias="PrimaryEntityId")
    operation_id: _Typed[UUID | None] = Field(None, alias="OperationId")
    request_id: _Typed[UUID | None] = Field(None, alias="RequestId")
    correlation_id: _Typed[UUID | None] = Field(None, alias="CorrelationId")
    occurred: _Typed[str | None] = Field(None, alias="OperationCreatedOn")
    mode: _Typed[int | None] = Field(None, alias="Mode")
    is_in_transaction: _Typed[bool | None] = Field(None, alias="IsInTransaction")
    initiating_user_id: _Typed[UUID | None] = Field(None, alias="InitiatingUserId")
    user_id: _Typed[UUID | None] = Field(None, alias="UserId")
    input_parameters: list[_KeyValue] | None = Field(None, alias="InputParameters")

    def row(self) -> Mapping[str, object]:
        """The Target among the input parameters: an entity, a reference, or nothing at all."""
        for parameter in self.input_parameters or ():
            value = parameter.value
            if parameter.key == "Target" and isinstance(value, dict):
                return cast(dict[str, object], value)
        return {}

    def account_id(self) -> UUID | None:
        """PrimaryEntityId, or the Target's id where that is empty."""
        if self.primary_entity_id not in (None, _NIL):
            return self.primary_entity_id
        try:
            row_id = UUID(str(_typed_scalar(self.row().get("Id"))))
        except ValueError:
            return None
        return None if row_id == _NIL else row_id

    def operation(self) -> UUID:
        """The system job's id, which a repeated post carries again; the request's for want of it."""
        for candidate in (self.operation_id, self.request_id, self.correlation_id):
            if candidate not in (None, _NIL):
                return candidate
        raise RejectedEvent("no-operation-id", "The event has no OperationId, RequestId or CorrelationId.")

    def attributes(self) -> frozenset[str] | None:
        """The names of the columns in the request."""
        attributes = self.row().get("Attributes")
        if not isinstance(attributes, list):
            return None
        return frozenset(_names(cast(list[object], attributes))) or None


def _names(attributes: list[object]) -> Iterator[str]:
    for attribute in attributes:
        match attribute:
            case {"key": str(name)}:
                yield name.lower()
            case _:
                continue


def _parsed(body: bytes, content_type: str | None) -> object:
    _refuse_other_formats(body, content_type or "")
    try:
        return json.loads(body.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise RejectedEvent("not-utf-8", f"The body is not UTF-8. {_USE_JSON}") from error
    except (ValueError, RecursionError) as error:
        raise RejectedEvent("not-json", f"The body is not JSON. {_USE_JSON}") from error


def _refuse_other_formats(body: bytes, content_type: str) -> None:
    start = body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if start == b"<":
        raise RejectedEvent("xml", f"The body is XML. {_USE_JSON}")
    if "msbin1" in content_type.lower() or (body[:1] in {b"@", b"V", b"C"} and start != b"{"):
        raise RejectedEvent("msbin1", f"The body is binary XML. {_USE_JSON}")


def _members(content: object) -> dict[str, object]:
    if not isinstance(content, dict):
        raise RejectedEvent("not-a-context", "The body is JSON but no RemoteExecutionContext.")
    return cast(dict[str, object], content)


def _table(content: Mapping[str, object]) -> str | None:
    """The table's name in lower case, or None for what is no name of a table."""
    name = _typed_scalar(content.get("PrimaryEntityName"))
    return name.lower() if isinstance(name, str) and name.isidentifier() else None


def _validated(content: Mapping[str, object]) -> _Context:
    try:
        return _Context.model_validate(content)
    except ValidationError as error:
        members = sorted({str(item["loc"][0]) for item in error.errors(include_url=False)})
        description = f"No RemoteExecutionContext that can be used: see {', '.join(members)}."
        raise RejectedEvent("not-a-context", description) from error


def _utc(text: str | None, received_at: datetime) -> datetime:
    """True UTC of "/Date(ms)/" or "/Date(ms+hhmm)/".

    With an offset the number is the local wall clock read as if it were UTC turned the other way: ms plus
    the offset is true UTC, as comparing with `modifiedon` in real payloads shows.
    """
    if text is None:
        return received_at
    match = _DATE.fullmatch(text)
    if match is None:
        raise RejectedEvent("bad-date", 'OperationCreatedOn is not of the form "/Date(ms+hhmm)/".')
    milliseconds, sign, hours, minutes = match.groups()
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    try:
        return _EPOCH + timedelta(milliseconds=int(milliseconds)) + (-offset if sign == "-" else offset)
    except OverflowError as error:
        raise RejectedEvent("bad-date", "OperationCreatedOn lies outside the calendar.") from error
