"""Reads the RemoteExecutionContext that Dataverse posts: JSON written by .NET's DataContract serializer.

In: a body as bytes. Out: a `DataverseEvent` with the few values that a hint needs. A body that cannot be
understood raises `RejectedEvent` with a fixed reason and a remedy. Only this module knows the format
(learn.microsoft.com/power-apps/developer/data-platform/use-webhooks and .../azure-integration): collections
are arrays of {key, value}, values may have a `__type` beside them, dates are "/Date(ms+hhmm)/", and a message
over the size limit arrives without its InputParameters.
"""

import json
import re
from collections.abc import Collection, Mapping
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

    `row_id` is None for messages that concern no single row. `attributes` is None if the event does not say
    which columns changed.
    """

    organization_id: UUID
    table: str
    message: str
    row_id: UUID | None
    operation_id: UUID
    correlation_id: UUID | None
    occurred_at: datetime
    in_transaction: bool
    initiating_user_id: UUID | None
    attributes: frozenset[str] | None


def read_event(
    body: bytes, content_type: str | None, received_at: datetime, tables: Collection[str] = (TABLE,)
) -> DataverseEvent | None:
    """Read the event in a body; None if it concerns a table that is not among `tables`.

    `received_at` is used if the body has no time of its own. Raises RejectedEvent, and nothing else, for a
    body that it cannot understand.
    """
    content = _members(_parsed(body, content_type))
    # The table comes first: events of other tables, such as the data events of Finance and Operations, may
    # lack what an event of an account has.
    table = _table(content)
    if table is not None and table not in tables:
        return None
    context = _validated(content)
    return DataverseEvent(
        organization_id=context.organization_id,
        table=context.table.lower(),
        message=context.message.lower(),
        row_id=context.row_id(),
        operation_id=context.operation(),
        correlation_id=context.correlation_id,
        occurred_at=_utc(context.occurred, received_at),
        in_transaction=context.mode == 0 or bool(context.is_in_transaction),
        initiating_user_id=context.initiating_user_id or context.user_id,
        attributes=context.attributes(),
    )


def _typed_scalar(value: object) -> object:
    """Return the value of a scalar, which may be wrapped as {"__type": "Guid:#System", "__value": ...}."""
    if isinstance(value, dict) and "__value" in value:
        return cast(dict[str, object], value)["__value"]
    return cast(object, value)


type _Name = Annotated[str, Field(min_length=1)]
type _Table = Annotated[str, Field(pattern="^[A-Za-z_][A-Za-z0-9_]*$")]
type _Typed[T] = Annotated[T, BeforeValidator(_typed_scalar)]


class _KeyValue(BaseModel):
    key: str
    value: object = None


class _Context(BaseModel):
    """The members that are used. All others are ignored, also ParentContext."""

    organization_id: _Typed[UUID] = Field(alias="OrganizationId")
    table: _Typed[_Table] = Field(alias="PrimaryEntityName")
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
        """Return the input parameter Target, an entity or a reference; empty if there is none."""
        for parameter in self.input_parameters or ():
            value = parameter.value
            if parameter.key == "Target" and isinstance(value, dict):
                return cast(dict[str, object], value)
        return {}

    def row_id(self) -> UUID | None:
        """Return PrimaryEntityId, or the Target's id if that is empty."""
        if self.primary_entity_id not in (None, _NIL):
            return self.primary_entity_id
        try:
            row_id = UUID(str(_typed_scalar(self.row().get("Id"))))
        except ValueError:
            return None
        return None if row_id == _NIL else row_id

    def operation(self) -> UUID:
        """Return the system job's id, which is the same in a repeated post; without one, the request's id."""
        for candidate in (self.operation_id, self.request_id, self.correlation_id):
            if candidate not in (None, _NIL):
                return candidate
        raise RejectedEvent("no-operation-id", "The event has no OperationId, RequestId or CorrelationId.")

    def attributes(self) -> frozenset[str] | None:
        """Return the names of the columns in the request; None if it has none."""
        attributes = self.row().get("Attributes")
        if not isinstance(attributes, list):
            return None
        entries = cast(list[dict[str, object] | None], attributes)
        names = {
            name.lower()
            for entry in entries
            if isinstance(entry, dict) and isinstance(name := entry.get("key"), str)
        }
        return frozenset(names) or None


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
    """Return the table's name in lower case, or None if the value cannot be a table's name."""
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
    """Return the UTC time of "/Date(ms)/" or "/Date(ms+hhmm)/".

    If there is an offset, UTC is the number plus the offset. This contradicts the usual meaning of the
    format, but a comparison with `modifiedon` in real payloads shows it.
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
