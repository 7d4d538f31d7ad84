"""The errors of NAV's OData services, by exception and code.

Codes and texts: "Error Codes" of the NAV documentation, docs.microsoft.com/dynamics-nav/fin-graph/
dynamics_error_codes, which holds for OData V4. The body of V3 has the member `odata.error` and its text under
`message.value` (github.com/ajkauffmann/DynamicsNAV, codeunit 72001); codes of V3 are documented nowhere. The
statuses are those of Business Central, which grew out of the same server. The texts quote values, so that a
test can prove that they are dropped.
"""

from local.dynamics.calls import Answer
from local.dynamics.nav.pages import Control, Page


class NavError(Exception):
    """An error answer in the making."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def company_not_found() -> NavError:
    """No company has exactly this name."""
    message = "Cannot process the request because the default company cannot be found."
    return NavError(404, "Internal_CompanyNotFound", message)


def no_resource(segment: str) -> NavError:
    """A page that is not published, or a path that leads nowhere."""
    message = f"Resource not found for the segment '{segment}'."
    return NavError(404, "BadRequest_ResourceNotFound", message)


def no_row(code: str, page: Page, key: str) -> NavError:
    """A key that no row has."""
    message = f"The {page.table} does not exist. Identification fields and values: No.='{key}'"
    return NavError(404, code, message)


def exists(page: Page, key: str) -> NavError:
    """A key that another row has."""
    caption = page.controls[page.key].caption
    message = f"The {page.table} already exists. Identification fields and values: {caption}='{key}'"
    return NavError(400, "Internal_EntityWithSameKeyExists", message)


def not_related(page: Page, control: Control, value: str) -> NavError:
    """A value that the related table does not have."""
    message = (
        f"The field {control.caption} of table {page.table} contains a value ({value}) that cannot be found "
        f"in the related table ({control.related})."
    )
    return NavError(400, "Internal_InvalidTableRelation", message)


def too_long(length: int, control: Control, value: str) -> NavError:
    """A text over its length; the message names no field."""
    message = (
        f"The length of the string is {length}, but it must be less than or equal to {control.length} "
        f"characters. Value: {value}"
    )
    return NavError(400, "Application_StringExceededLength", message)


def manual_number() -> NavError:
    """A number that was given where the series does not allow it."""
    message = (
        "You may not enter numbers manually. If you want to enter numbers manually, please activate Manual "
        "Nos. in No. Series CUST."
    )
    return NavError(400, "Application_DialogException", message)


def bad_mail(value: str) -> NavError:
    """An e-mail address that is none."""
    return NavError(400, "Application_DialogException", f'The email address "{value}" is not valid.')


def no_option(value: str) -> NavError:
    """A text that is no value of the option."""
    message = f'The value "{value}" cannot be evaluated into type Option.'
    return NavError(400, "Application_EvaluateException", message)


def read_only(control: Control) -> NavError:
    """A control that cannot be changed."""
    return NavError(400, "BadRequest_InvalidOperation", f"Control '{control.caption}' is read-only")


def callback() -> NavError:
    """Code of the page that asks a person something, after the row was inserted."""
    message = "The service attempted to issue a client callback to show a confirmation dialog box."
    return NavError(400, "Application_CallbackNotAllowed", message)


def bad_request(message: str) -> NavError:
    """A body or a query that does not fit the page."""
    return NavError(400, "BadRequest", message)


def no_token(status: int = 400) -> NavError:
    """A change without an acceptable If-Match."""
    message = (
        "Could not validate the client concurrency token required by the service. Please provide a valid "
        "token in the client request."
    )
    return NavError(status, "BadRequest_InvalidToken", message)


def changed(status: int = 409) -> NavError:
    """A change with an If-Match that is not the row's any more."""
    return NavError(status, "Request_EntityChanged", "Another user has already changed the record.")


def not_allowed(method: str) -> NavError:
    """A method that the resource does not take."""
    return NavError(405, "BadRequest_MethodNotAllowed", f"'{method}' requests are not allowed.")


def failure(status: int, code: str | None) -> Answer:
    """Return the body that belongs to an ordered status; with a code it is NAV's own, over V4."""
    if code == "conflict":
        status, code = status or 409, "Request_EntityChanged"
    if status == 401:
        return Answer(401, None, {"WWW-Authenticate": 'Basic realm=""'})
    if code is None and status in (502, 503, 504):
        return Answer(status, f"<html><body>{status}</body></html>", {"Content-Type": "text/html"})
    message = "The request was refused by order, for customer Contoso."
    return Answer(status, {"error": {"code": code or "Unknown", "message": message}})
