"""Errors of the OData service of finance and operations.

Body: `{"error": {"code": "", "message": "An error has occurred.", "innererror": {"message", "type",
"stacktrace"}}}`. The outer text says nothing and the stack trace is always there, so that a client can prove
that it drops it. Status codes and texts as recorded by public clients of the service
(learn.microsoft.com/dynamics365/fin-ops-core/dev-itpro/data-entities/odata;
github.com/OliverFlint/pptb-desktop-app, tests/fixtures/financeOperations; github.com/Mikeoso/IntegratoR,
wiki).
"""

from local.dynamics.calls import Answer

STACK = (
    "   at Microsoft.Dynamics.Platform.Integration.Services.OData.Update.UpdateProcessor."
    "CreateEntity_Save(ChangeOperationContext context, ChangeInfo changeInfo)\r\n"
    "   at "
    "Microsoft.Dynamics.Platform.Integration.Services.OData.Update.ChangeInfo.ExecuteActionsInCompanyContext"
    "(IEnumerable`1 actions)\r\n   at "
    "System.Web.Http.Dispatcher.HttpControllerDispatcher.<SendAsync>d__15.MoveNext()"
)
SERVICES = "Microsoft.Dynamics.Platform.Integration.Services.OData"
WRITE = f"{SERVICES}.AxODataWriteException"
FIELD = f"{SERVICES}.AxODataFieldValidationException"
SECURITY = f"{SERVICES}.ODataSecurityException"
QUERY = "Microsoft.OData.ODataException"
BUSY = (
    "This request could not be processed at this time due to system experiencing high resource utilization."
)


class OperationsError(Exception):
    """An error answer in the making; `kind` is the inner error's type."""

    def __init__(self, status: int, message: str, kind: str, inner: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.inner = inner

    def answer(self) -> Answer:
        """The answer that a client gets."""
        details: dict[str, object] = {"message": self.message, "type": self.kind, "stacktrace": STACK}
        if self.inner is not None:
            nested = {"message": self.inner, "type": "System.InvalidOperationException", "stacktrace": STACK}
            details["internalexception"] = nested
        body = {"error": {"code": "", "message": "An error has occurred.", "innererror": details}}
        return Answer(self.status, body)


def not_found_for_update() -> OperationsError:
    """PATCH or DELETE of a key that is not there, or not visible without cross-company: 400, neither 404
    nor upsert.
    """
    return OperationsError(400, "No resources were found when selecting for update.", WRITE)


def exists(status: int, label: str, table: str, field: str, value: str) -> OperationsError:
    """POST of a key that is there; 500 in older recordings of the same class, 400 in newer ones."""
    message = f"Cannot create a record in {label} ({table}). {field}: {value}.\nThe record already exists."
    return OperationsError(status, f"Write failed for table row. Infolog: Error: {message}", WRITE)


def infolog(internal: str, *lines: str) -> OperationsError:
    """The write was refused by the application's own validation; `lines` are what its Infolog says."""
    text = "; ".join(f"Warning: {line}" for line in lines)
    return OperationsError(400, f"Write failed for table row of type '{internal}'. Infolog: {text}.", WRITE)


def not_related(internal: str, name: str, label: str, value: str, related: str) -> OperationsError:
    """A foreign key that finds nothing."""
    return infolog(
        internal,
        f"The value '{value}' in field '{label}' is not found in the related table '{related}'.",
        f"validateField failed on field '{internal}.{name}'",
    )


def must_be_filled(internal: str, name: str, label: str) -> OperationsError:
    """A mandatory field without a value."""
    return infolog(
        internal,
        f"Field '{label}' must be filled in.",
        f"validateWrite failed on field '{internal}.{name}'",
    )


def too_long(internal: str, name: str, label: str, limit: int) -> OperationsError:
    """A string over the length of its extended data type."""
    return OperationsError(
        400,
        f"Field validation failed on table of type '{internal}' for the following fields: {name}. Infolog: "
        "Warning: "
        f"The value in field '{label}' exceeds its maximum length of {limit} characters..",
        FIELD,
    )


def number_refused(internal: str, value: str) -> OperationsError:
    """A customer account given where the number sequence is not manual."""
    return OperationsError(
        400,
        f"Field validation failed on table of type '{internal}' for the following fields: CustomerAccount. "
        "Infolog: "
        f"Warning: Field 'Customer account' cannot be edited.; Warning: Number {value} does not match format "
        "of the "
        "number sequence.",
        FIELD,
    )


def update_not_allowed(name: str) -> OperationsError:
    """A field that may not be updated: the whole request is refused, with 403."""
    return OperationsError(403, f"Update not allowed for field '{name}'.", SECURITY)


def update_conflict(label: str, table: str, status: int = 400) -> OperationsError:
    """Optimistic concurrency inside the application."""
    message = (
        f"Cannot edit a record in {label} ({table}).\nAn update conflict occurred due to another user "
        "process deleting "
        "the record or changing one or more fields in the record."
    )
    return OperationsError(status, f"Write failed for table row. Infolog: Error: {message}", WRITE)


def precondition_failed() -> OperationsError:
    """A stale If-Match (OData Version 4.0 Part 1, section 11.4.1.1)."""
    return OperationsError(412, "The resource has changed since it was read.", QUERY)


def bad_query(message: str) -> OperationsError:
    """A query option that cannot be read or names an unknown property."""
    return OperationsError(400, f"The query specified in the URI is not valid. {message}", QUERY)


def no_property(name: str, entity: str) -> OperationsError:
    """An unknown property in `$select`, `$filter` or `$orderby`."""
    return bad_query(f"Could not find a property named '{name}' on type '{entity}'.")


def bad_body(message: str) -> OperationsError:
    """A body that does not fit the entity type."""
    return OperationsError(400, f"An error occurred while reading the request payload. {message}", QUERY)


def unknown_property(name: str, entity: str) -> OperationsError:
    """A property in a body that the type does not have."""
    return bad_body(
        f"The property '{name}' does not exist on type '{entity}'. Make sure to only use property names that "
        "are "
        "defined by the type."
    )


def bad_literal(value: object, edm: str) -> OperationsError:
    """A value of the wrong type."""
    return bad_body(f"Cannot convert the literal '{value}' to the expected type '{edm}'.")


def failure(status: int, code: str | None) -> Answer:
    """The body that belongs to a status; code "conflict" is the update conflict, "infolog" a business
    error.
    """
    if code == "conflict":
        return update_conflict("Customers", "CustTable", status or 400).answer()
    if status == 401:
        return Answer(401, None, {"WWW-Authenticate": 'Bearer error="invalid_token"'})
    if status == 429:
        return OperationsError(
            429, BUSY, "Microsoft.Dynamics.Platform.Integration.Common.Throttling"
        ).answer()
    if status == 403:
        message = "User is not authorized to read view CustCustomerV3Entity. Request denied."
        return OperationsError(403, message, SECURITY).answer()
    if status == 404:
        return Answer(404)
    if code == "infolog":
        error = infolog("CustCustomerV3Entity", "The record was refused by a validation.")
        return OperationsError(status, error.message, WRITE).answer()
    if status in (502, 503, 504):
        return Answer(status, f"<html><body>{status}</body></html>", {"Content-Type": "text/html"})
    return OperationsError(
        status, "Exception has been thrown by the target of an invocation.", "System.Exception"
    ).answer()
