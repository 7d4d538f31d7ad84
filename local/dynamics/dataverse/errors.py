"""Errors of the Dataverse Web API with their documented codes.

Body: `{"error": {"code": "0x...", "message": "..."}}`
(learn.microsoft.com/power-apps/developer/data-platform/webapi/compose-http-requests-handle-errors). Codes
without another source are of the list of web service error codes
(learn.microsoft.com/power-apps/developer/data-platform/reference/web-service-error-codes).
"""

from local.dynamics.calls import Answer


class DataverseError(Exception):
    """An error answer in the making."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def answer(self) -> Answer:
        """The answer that a client gets."""
        return Answer(self.status, {"error": {"code": self.code, "message": self.message}})


def does_not_exist(table: str, key: str) -> DataverseError:
    """ObjectDoesNotExist."""
    return DataverseError(404, "0x80040217", f"Entity '{table}' With Id = {key} Does Not Exist")


def no_segment(segment: str) -> DataverseError:
    """An entity set, function or action that is none
    (learn.microsoft.com/troubleshoot/power-platform/dataverse/
    working-with-solutions/web-api-client-errors).
    """
    return DataverseError(404, "0x8006088a", f"Resource not found for the segment '{segment}'.")


def bad_query(message: str) -> DataverseError:
    """A query option that cannot be read; live organisations answer with this code, an older page shows
    0x0.
    """
    return DataverseError(400, "0x80060888", message)


def no_privilege(table: str) -> DataverseError:
    """PrivilegeDenied: the caller's roles do not let it read the table."""
    name = f"prvRead{table.title()}"
    return DataverseError(403, "0x80040220", f"Principal user is missing {name} privilege on '{table}'.")


def no_property(name: str, table: str) -> DataverseError:
    """An unknown property in `$select`, `$filter`, `$orderby` or `$expand`."""
    return bad_query(f"Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{table}'.")


def invalid_property(name: str, table: str) -> DataverseError:
    """An unknown property in a body (web-api-client-errors, "Invalid property")."""
    return DataverseError(
        400,
        "0x0",
        "An error occurred while validating input parameters: Microsoft.Crm.CrmException: Invalid property "
        f"'{name}' was found in entity 'Microsoft.Dynamics.CRM.{table}'. ---> "
        "Microsoft.OData.ODataException: "
        "Does not support untyped value in non-open type.",
    )


def undeclared_navigation(name: str, entity_set: str) -> DataverseError:
    """A bind to a navigation property that is none (web-api-client-errors, "An undeclared property")."""
    return DataverseError(
        400,
        "0x80048d19",
        f"Error identified in Payload provided by the user for Entity :'{entity_set}'  ---->  InnerException "
        ": "
        f"Microsoft.OData.ODataException: An undeclared property '{name}' which only has property "
        "annotations in the "
        "payload but no property value was found in the payload. In OData, only declared navigation "
        "properties and "
        "declared named streams can be represented as properties without values.",
    )


def bad_literal(value: object, edm: str) -> DataverseError:
    """A value of the wrong type (quoted on
    learn.microsoft.com/dynamics365/fin-ops-core/dev-itpro/data-entities/
    dual-write/dual-write-troubleshooting-live-sync).
    """
    return DataverseError(
        400,
        "0x0",
        "An error occurred while validating input parameters: Microsoft.OData.ODataException: "
        f"Cannot convert the literal '{value}' to the expected type '{edm}'.",
    )


def bad_payload(entity_set: str) -> DataverseError:
    """A body that is no JSON object (web-api-client-errors, "Error identified in Payload")."""
    return DataverseError(
        400,
        "0x80048d19",
        f"Error identified in Payload provided by the user for Entity :'{entity_set}', For more information "
        "on this "
        "error please follow this help link https://go.microsoft.com/fwlink/?linkid=2195293  ---->  "
        "InnerException : "
        "Microsoft.OData.ODataException: The payload is no JSON object.",
    )


def wrong_target(name: str, entity_set: str, given: str) -> DataverseError:
    """A bind to a row of another table than the lookup's."""
    return DataverseError(
        400,
        "0x80048d19",
        f"Error identified in Payload provided by the user for Entity :'{entity_set}'  ---->  InnerException "
        ": "
        f"Microsoft.OData.ODataException: The entity set '{given}' is no target of '{name}'.",
    )


def no_resource(address: str) -> DataverseError:
    """The wrong method for a function or an action (web-api-client-errors, "No HTTP resource was found")."""
    return DataverseError(404, "", f"No HTTP resource was found that matches the request URI '{address}'.")


def not_allowed(method: str) -> DataverseError:
    """A method that an address does not have."""
    return DataverseError(
        405, "0x80060888", f"The requested resource does not support http method '{method}'."
    )


def too_long(column: str, table: str, limit: int) -> DataverseError:
    """StringLengthTooLong."""
    return DataverseError(
        400,
        "0x80044331",
        f"A validation error occurred. The length of the '{column}' attribute of the '{table}' entity "
        "exceeded "
        f"the maximum allowed length of '{limit}'.",
    )


def no_option(value: object, column: str, table: str, options: object) -> DataverseError:
    """PicklistValueOutOfRange."""
    return DataverseError(
        400,
        "0x8004431a",
        f"A validation error occurred. The value {value} of '{column}' on record of type '{table}' is "
        "outside the "
        f"valid range. Accepted Values: {options}",
    )


def out_of_range(value: object, column: str, table: str, low: float, high: float) -> DataverseError:
    """ValueOutOfRange of a number."""
    return DataverseError(
        400,
        "0x8004432f",
        f"A validation error occurred. The value {value} of '{column}' on record of type '{table}' is "
        "outside the "
        f"valid range. Accepted Values: {low:g} to {high:g}",
    )


def missing(message: str) -> DataverseError:
    """A required value that was not sent."""
    return DataverseError(400, "0x80040203", message)


def wrong_status(status: object, state: object, table: str) -> DataverseError:
    """A status reason that does not belong to the state."""
    return DataverseError(
        400,
        "0x80048408",
        f"{status} is not a valid status code for state code {table.capitalize()}State.{state} on {table}",
    )


def version_mismatch() -> DataverseError:
    """ConcurrencyVersionMismatch
    (learn.microsoft.com/power-apps/developer/data-platform/optimistic-concurrency).
    """
    message = "The version of the existing record doesn't match the RowVersion property provided."
    return DataverseError(412, "0x80060882", message)


def duplicate() -> DataverseError:
    """DuplicateRecord (learn.microsoft.com/power-apps/developer/data-platform/webapi/
    perform-conditional-operations-using-web-api)."""
    return DataverseError(412, "0x80040237", "A record with matching key values already exists.")


# learn.microsoft.com/power-apps/developer/data-platform/api-limits
THROTTLED = {
    "0x80072322": "Number of requests exceeded the limit of 6000 over time window of 300 seconds.",
    "0x80072321": "Combined execution time of incoming requests exceeded limit of 1,200,000 milliseconds "
    "over time "
    "window of 300 seconds. Decrease number of concurrent requests or reduce the duration of requests and "
    "try again "
    "later.",
    "0x80072326": "Number of concurrent requests exceeded the limit of 52.",
}


def failure(status: int, code: str | None) -> Answer:
    """The body that belongs to a status; `code` chooses among several, "conflict" is the version mismatch."""
    if code == "conflict":
        return version_mismatch().answer()
    if status == 401:
        challenge = 'Bearer authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize"'
        return Answer(401, None, {"WWW-Authenticate": challenge})
    if status == 429:
        code = code or "0x80072322"
        return DataverseError(429, code, THROTTLED.get(code, "Too many requests.")).answer()
    if status == 404:
        return DataverseError(404, code or "0x80040217", "account Does Not Exist").answer()
    if status in (502, 503, 504) and code is None:
        return Answer(status, f"<html><body>{status}</body></html>", {"Content-Type": "text/html"})
    return DataverseError(status, code or "0x80040216", "An unexpected error occurred.").answer()
