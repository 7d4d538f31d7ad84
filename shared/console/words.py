"""The words of the page for causes, endings and commands. Pure.

The use cases speak to people at a terminal: where they name a command, the page names its own button.
"""

import re
from datetime import timedelta

from shared.model.action import OperatorAction
from shared.model.outcome import Cause

_TITLES: dict[Cause, str] = {
    Cause.UNMAPPED_CURRENCY: "The currency {value} has no code in {erp}",
    Cause.BAD_MAPPING: "The currency {value} has no usable row in the currency mapping",
    Cause.UNKNOWN_ERP_CURRENCY: "{erp} does not know the currency code {value}",
    Cause.UNMAPPED_VALUE: "The value {value} of {field} is not in the field map",
    Cause.NO_ACCOUNT_NUMBER: "The account has no number in Sales",
    Cause.MISSING_VALUE: "A value is missing in Sales: {field}",
    Cause.VALUE_TOO_LONG: "A value is too long for {erp}: {field}",
    Cause.BAD_VALUE: "A value is of the wrong kind for {erp}: {field}",
    Cause.KEY_CHANGED: "The number or the company was changed in Sales",
    Cause.NUMBER_TAKEN: "Another account has this number",
    Cause.CUSTOMER_EXISTS: "{erp} has another customer with this number",
    Cause.CUSTOMER_GONE: "The customer was removed in {erp}",
    Cause.AMBIGUOUS_MATCH: "Several customers in {erp} have this number",
    Cause.REFUSED: "{erp} refuses a value: {field}",
    Cause.REFUSED_BY_SALES: "Sales refuses access to the account",
    Cause.ACCOUNT_NOT_FOUND: "Sales does not know the account any more",
    Cause.GUARD_TRIPPED: "The limit on new or blocked customers in an hour was reached",
    Cause.RETRIES_EXHAUSTED: "A system failed for too long",
    Cause.UNEXPECTED: "An unexpected error: a defect of Account Sync",
}
# What the person does on the page instead of a command: the first pattern that fits counts.
_COMMANDS = (
    (r"accountsync currency set .*", "“Add the code” on this page"),
    (r"accountsync resume.*", "“Resume” under Operations"),
    (r"accountsync replay .*", "“Check again” on this page"),
    (r"accountsync unlink.*", "“Unlink” on this page"),
    (r"accountsync issues", "the page Issues"),
    (r"accountsync dead-letters list", "the page Operations"),
)
_DEED = {
    "replay": "Checked again",
    "unlink": "Unlinked",
    "pause": "Paused",
    "resume": "Resumed",
    "resubmit": "Sent again",
    "currency": "Currency mapping changed",
    "undo": "Currency mapping restored",
}
_DAY, _HOUR, _MINUTE = 86_400, 3_600, 60


def title(cause: str, value: str, field: str, erp: str) -> str:
    """Say in a sentence why accounts are parked. A cause of a later version is named as it is."""
    try:
        text = _TITLES[Cause(cause)]
    except (ValueError, KeyError):
        return " ".join(filter(None, (cause, field, value)))
    quoted = f"“{value}”" if value else ""
    said = text.replace("{value}", quoted).replace("{field}", field).replace("{erp}", erp)
    return " ".join(said.split()).removesuffix(":")


def on_the_page(text: str) -> str:
    """Return a text of a use case with the page's own buttons in place of commands."""

    def button(found: re.Match[str]) -> str:
        return next((word for pattern, word in _COMMANDS if re.fullmatch(pattern, found[1])), found[0])

    return re.sub(r"`([^`]*)`", button, text)


def spell(age: timedelta) -> str:
    """Write how long something lasts, in its two largest units."""
    seconds = max(0, int(age.total_seconds()))
    if seconds >= _DAY:
        return f"{seconds // _DAY} d {seconds % _DAY // _HOUR} h"
    if seconds >= _HOUR:
        return f"{seconds // _HOUR} h {seconds % _HOUR // _MINUTE} min"
    return f"{seconds // _MINUTE} min" if seconds >= _MINUTE else f"{seconds} s"


def deed(action: OperatorAction) -> str:
    """Say in words what an action did."""
    return _DEED.get(action.what, action.what)
