"""The words of the page for causes, endings and commands. Pure.

The use cases speak to people at a terminal: where they name a command, the page names its own button.
"""

import re
from datetime import timedelta

from markupsafe import Markup

from shared.diagnostics.preview import Preview
from shared.model.action import OperatorAction
from shared.model.change import ChangeKind
from shared.model.mapping import CURRENCIES
from shared.model.outcome import Cause, Ending
from shared.model.queues import Bin
from shared.model.state import Phase, SyncState

_TITLES: dict[Cause, str] = {
    Cause.UNMAPPED_CURRENCY: "The currency {value} has no code in {erp}",
    Cause.BAD_MAPPING: "The value {value} has no usable row in its mapping table",
    Cause.UNKNOWN_ERP_CURRENCY: "{erp} does not know the currency code {value}",
    Cause.UNMAPPED_VALUE: "The value {value} of {field} is neither in a mapping table nor in the field map",
    Cause.UNKNOWN_ERP_VALUE: "{erp} does not know the code {value} of {field}",
    Cause.PARENT_NOT_SYNCED: "The account in {field} has no customer in {erp}",
    Cause.PARENT_IN_OTHER_COMPANY: "The account in {field} has its customer in another company",
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
    (r"accountsync (currency|mapping) set .*", "“Add the code” on this page"),
    (r"accountsync load resume.*", "“Resume” on the page Runs"),
    (r"accountsync load (status|start|cancel)", "the page Runs"),
    (r"accountsync reconcile --last --repair", "“Check the chosen” on the page Comparison"),
    (r"accountsync reconcile.*", "the page Runs"),
    (r"accountsync doctor --now|--now", "“Check now” on the page Set-up"),
    (r"accountsync doctor", "the tool `accountsync doctor`"),
    (r"accountsync status", "the page Overview"),
    (r"accountsync resume.*", "“Resume” on the page Systems"),
    (r"accountsync replay .*", "“Check again” on this page"),
    (r"accountsync unlink.*", "“Unlink” on its page"),
    (r"accountsync (currency|mapping) history.*", "the page Mapping tables"),
    (r"accountsync issues", "the page Issues"),
    (r"accountsync dead-letters list", "the page Systems"),
)
_DEEDS = {
    "replay": "Checked again",
    "unlink": "Unlinked",
    "pause": "Paused",
    "resume": "Resumed",
    "resubmit": "Sent again",
    "load": "First load started",
    "load-pause": "First load paused",
    "load-resume": "First load resumed",
    "load-cancel": "First load cancelled",
    "compare": "Comparison started",
    "compare-cancel": "Comparison cancelled",
    "repair": "Differences checked",
    "note": "Marked as seen",
    "check-up": "Check of the set-up asked for",
    "currency": "Currency mapping changed",
    "undo": "Currency mapping restored",
    "mapping": "Mapping table changed",
    "mapping-undo": "Mapping table restored",
}
_OF_CURRENCIES = {Cause.BAD_MAPPING, Cause.UNKNOWN_ERP_CURRENCY}  # put right in the currency mapping
_OF_TABLES = {Cause.UNMAPPED_VALUE, Cause.BAD_MAPPING, Cause.UNKNOWN_ERP_VALUE}
OF_ACCOUNTS = {"replay", "unlink", "repair", "note"}  # the ids of these actions are accounts
_FOLLOWS = {
    "replay": "The checks were sent. Each account is usually done within a few seconds; its page shows how.",
    "unlink": "A check was sent: the account is treated as one that never had a customer in {erp}.",
    "pause": "Events are kept until somebody resumes the work.",
    "resume": "What waits is worked on now.",
    "resubmit": "The messages were sent. One that still fails comes back.",
    "load": "The app checks the accounts page by page; the page Runs shows how far it is.",
    "load-pause": "No more checks are sent until somebody resumes the load. Checks in the queue are made.",
    "load-resume": "The load goes on where it stood.",
    "load-cancel": "No more checks are sent. Checks that are in the queue already are still made.",
    "compare": "The app compares all accounts and customers; the page Runs shows how far it is.",
    "compare-cancel": "No further accounts are compared. What was found so far is kept.",
    "repair": "The checks were sent. Each account is usually done within a few seconds; its page shows how.",
    "note": "The page Issues shows the note to operators, as long as the account is parked.",
    "check-up": "The app makes the check within about a minute; the page Set-up shows its result.",
    "currency": "Accounts with these currencies follow by themselves, usually within two minutes.",
    "undo": "Accounts with these currencies follow by themselves, usually within two minutes.",
    "mapping": "Accounts with these values follow by themselves, usually within two minutes.",
    "mapping-undo": "Accounts with these values follow by themselves, usually within two minutes.",
}
_PLACES = {
    Bin.EVENT_DEAD_LETTERS: "Events from Sales that failed for good",
    Bin.CHANGE_DEAD_LETTERS: "Checks that failed for good",
    Bin.PAGE_DEAD_LETTERS: "Pages of a run that failed for good",
    Bin.REJECTED: "Events that were not understood",
}
_SOURCES = {
    "dataverse-queue": "Sales",
    "webhook": "Sales, by webhook",
    "replay": "a person",
    "heal": "the app, after a correction",
    "burst": "the app, after several changes",
    "backfill": "the first load",
    "catch-up": "the app, catching up",
    "reconcile": "the comparison of both systems",
    "related": "the app, after a change of a related row",
    "sales": "a job of Sales",
}
_ENDINGS = {
    Ending.CREATED: "It would become a new customer in {erp}.",
    Ending.UPDATED: "Its customer in {erp} would be changed.",
    Ending.UNCHANGED: "Nothing would be written: {erp} has the account's values.",
    Ending.FILTERED: "Nothing would be written: a rule keeps this account out.",
}
_COLOURS = {
    **dict.fromkeys(("created", "updated", "in step"), "good"),
    **dict.fromkeys(("parked", "rejected", "failed"), "bad"),
    "retrying": "warn",
}
_DAY, _HOUR, _MINUTE = 86_400, 3_600, 60


def title(cause: str, value: str, field: str, erp: str) -> str:
    """Say in a sentence why accounts are parked. A cause of a later version is named as it is."""
    try:
        text = _TITLES[Cause(cause)]
    except (ValueError, KeyError):
        return " ".join(filter(None, (cause, field, value)))
    if mapping_table(cause, value) != CURRENCIES.name:
        value = value.removeprefix(f"{mapping_table(cause, value)}|")
    quoted = f"“{value}”" if value else ""
    if not value:
        text = re.sub(r"The (currency|value) \{value\}", r"A \1", text)
    if not field:
        text = re.sub(r" (of|in) \{field\}", "", text)
    said = text.replace("{value}", quoted).replace("{field}", field).replace("{erp}", erp)
    return " ".join(said.split()).removesuffix(":")


def mapping_table(cause: str, value: str) -> str:
    """Name the mapping table in which this cause is put right; "" if it is none."""
    name, bar, _ = value.partition("|")
    if bar and cause in _OF_TABLES:
        return name
    return CURRENCIES.name if cause in _OF_CURRENCIES else ""


def on_the_page(text: str) -> str:
    """Return a text of a use case with the page's own buttons in place of commands."""

    def button(found: re.Match[str]) -> str:
        return next((word for pattern, word in _COMMANDS if re.fullmatch(pattern, found[1])), found[0])

    return re.sub(r"`([^`]*)`", button, text).replace("run the same command again", "do the same again")


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
    return _DEEDS.get(action.what, action.what)


def what_follows(action: OperatorAction, erp: str) -> str:
    """Say what happens after an action."""
    return _FOLLOWS.get(action.what, "").replace("{erp}", erp)


def place(name: str) -> str:
    """Name a queue of messages that were given up."""
    return _PLACES.get(Bin(name), name)


def source(name: str) -> str:
    """Say who caused an event or a check."""
    return _SOURCES.get(name, name)


def kind(name: str) -> str:
    """Name a kind of event; the queue calls a check by its former name."""
    return "check" if name == ChangeKind.CHECK else name


def ending(found: Preview, erp: str) -> str:
    """Say how a check would end now."""
    customer = f" Customer {found.customer}." if found.customer else ""
    if found.problem is not None:
        problem = found.problem
        return f"It would be parked: {title(problem.cause, problem.value, problem.field, erp)}."
    return _ENDINGS.get(found.ending, f"It would end as {found.ending}.").replace("{erp}", erp) + customer


def badge(outcome: str) -> Markup:
    """Write an outcome in its colour."""
    return Markup('<span class="badge {}">{}</span>').format(_COLOURS.get(outcome, ""), outcome)


def phase_badge(state: SyncState | None) -> Markup:
    """Write how the last check of an account ended."""
    phase = str(state.phase) if state is not None and state.phase else "unknown"
    return badge("in step" if phase == Phase.SYNCED else phase)
