"""Errors of Business Central's API.

Body: `{"error": {"code", "message"}}`; the message ends with a correlation id and quotes values, so that a
client can prove that it drops it. Codes and texts:
learn.microsoft.com/dynamics365/business-central/dev-itpro/webservices/dynamics-error-codes; texts of the API
page from github.com/microsoft/ALAppExtensions (APIV2Customers.Page.al).
"""

from uuid import uuid4

from local.dynamics.calls import Answer

HTML = {"Content-Type": "text/html"}


class BusinessCentralError(Exception):
    """An error answer in the making."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def answer(self) -> Answer:
        """The answer that a client gets."""
        text = f"{self.message}  CorrelationId:  {uuid4()}."
        return Answer(self.status, {"error": {"code": self.code, "message": text}})


def bad_request(message: str) -> BusinessCentralError:
    """A request that cannot be read."""
    return BusinessCentralError(400, "BadRequest", message)


def no_property(name: str, type_name: str) -> BusinessCentralError:
    """An unknown property in a query option."""
    return bad_request(f"Could not find a property named '{name}' on type '{type_name}'.")


def unknown_property(name: str, type_name: str) -> BusinessCentralError:
    """An unknown property in a body."""
    return bad_request(
        f"The property '{name}' does not exist on type '{type_name}'. Make sure to only use property names "
        "that are defined by the type."
    )


def read_only(caption: str) -> BusinessCentralError:
    """A property that no client may write."""
    return BusinessCentralError(400, "BadRequest_InvalidOperation", f"Control '{caption}' is read-only.")


def no_resource(segment: str) -> BusinessCentralError:
    """An address that names no API page."""
    message = f"Resource not found for the segment '{segment}'."
    return BusinessCentralError(404, "BadRequest_ResourceNotFound", message)


def no_record(table: str, key: str) -> BusinessCentralError:
    """An id that no record has."""
    message = f"The {table} does not exist. Identification fields and values: Id='{key}'"
    return BusinessCentralError(404, "Internal_RecordNotFound", message)


def no_company(company_id: str) -> BusinessCentralError:
    """An id that no company has."""
    message = f"Cannot find the company '{company_id}'."
    return BusinessCentralError(404, "Internal_CompanyNotFound", message)


def method_not_allowed(method: str, name: str) -> BusinessCentralError:
    """A method that the page does not offer."""
    message = f"'{method}' requests for '{name}' of EdmType 'Entity' are not allowed."
    return BusinessCentralError(405, "BadRequest_MethodNotAllowed", message)


def no_token() -> BusinessCentralError:
    """A change without If-Match, or with one that is no ETag."""
    message = (
        "Could not validate the client concurrency token required by the service. Please provide a valid "
        "token in the client request."
    )
    return BusinessCentralError(400, "BadRequest_InvalidToken", message)


def changed() -> BusinessCentralError:
    """A stale ETag: 409, not 412 (".../dev-itpro/webservices/include-http-status-error-codes")."""
    return BusinessCentralError(409, "Request_EntityChanged", "Another user has already changed the record.")


def exists(status: int, number: str) -> BusinessCentralError:
    """A number that another customer has."""
    message = f"The Customer already exists. Identification fields and values: No.='{number}'"
    return BusinessCentralError(status, "Internal_EntityWithSameKeyExists", message)


def dialog(message: str) -> BusinessCentralError:
    """An error of the application's code."""
    return BusinessCentralError(400, "Application_DialogException", message)


def field_error(message: str) -> BusinessCentralError:
    """A field that the application's code refuses."""
    return BusinessCentralError(400, "Application_FieldValidationException", message)


def too_long(value: str, limit: int) -> BusinessCentralError:
    """A text over the length of its field; the field is not named."""
    message = (
        f"The length of the string is {len(value)}, but it must be less than or equal to {limit} characters. "
        f"Value: {value}"
    )
    return BusinessCentralError(400, "Application_StringExceededLength", message)


def not_related(caption: str, value: str, table: str) -> BusinessCentralError:
    """A foreign key that finds nothing."""
    message = (
        f"The field {caption} of table Customer contains a value ({value}) that cannot be found in the "
        f"related table ({table})."
    )
    return BusinessCentralError(400, "Internal_InvalidTableRelation", message)


def bad_filter(message: str) -> BusinessCentralError:
    """A filter that the page cannot apply."""
    return BusinessCentralError(400, "Application_FilterErrorException", message)


_CODES = {
    400: "BadRequest",
    401: "Authentication_InvalidCredentials",
    403: "Authorization_RequestDenied",
    404: "BadRequest_NotFound",
    408: "Application_OperationCanceled",
    409: "Request_EntityChanged",
    429: "Application_TooManyRequests",
    500: "Internal_ServerError",
}


def failure(status: int, code: str | None) -> Answer:
    """The body that belongs to a status: "conflict" is a stale ETag, any other code is answered as it is.

    Without a code, 502, 503 and 504 come from a gateway and are no JSON.
    """
    if code == "conflict":
        return changed().answer()
    if code is None and status in (502, 503, 504):
        return Answer(status, f"<html><body>{status}</body></html>", HTML)
    answer = BusinessCentralError(
        status, code or _CODES.get(status, "Unknown"), "The request failed."
    ).answer()
    headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'} if status == 401 else {}
    return Answer(status, answer.body, headers)
