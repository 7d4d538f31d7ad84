"""The words of the page for runs that walk many accounts. Pure."""

from markupsafe import Markup

from shared.console.words import title
from shared.load.report import LoadReport
from shared.model.outcome import Cause, remedy
from shared.model.reconciliation import Kind

OF_RUNS = {"load", "load-pause", "load-resume", "load-cancel", "compare", "compare-cancel", "repair"}
_COLOURS = {"done": "good", "stopped": "bad", "paused": "warn"}
_DIFFERENCES: dict[Kind, str] = {
    Kind.MISSING: "The customer is missing in {erp}",
    Kind.DIFFERENT: "Values differ",
    Kind.WRONGLY_BLOCKED: "The customer is blocked, and the account is active",
    Kind.NOT_BLOCKED: "The customer is not blocked, and the account is inactive",
    Kind.WITHOUT_ACCOUNT: "The account of the customer was deleted",
    Kind.OWNED_TWICE: "Two accounts have one customer",
    Kind.PARKED: "A check would park the account",
}


def badge(state: str) -> Markup:
    """Write the state of a run in its colour."""
    return Markup('<span class="badge {}">{}</span>').format(_COLOURS.get(state, ""), state)


def difference(kind: Kind, erp: str) -> str:
    """Say in a sentence how both systems differ about an account."""
    return _DIFFERENCES.get(kind, str(kind)).replace("{erp}", erp)


def load_results(found: LoadReport, erp: str) -> list[tuple[str, int, str]]:
    """Return how the checks of a load ended: a name, the number of accounts, and what it means."""
    rows = [
        ("created", found.created, f"a new customer stands in {erp}"),
        ("updated", found.updated, "the customer was changed"),
        ("unchanged", found.unchanged, f"{erp} had the account's values"),
        ("filtered", found.filtered + found.deleted, "a rule keeps it out, or it is gone from Sales"),
        ("covered", found.covered, "an event had the account checked since the load began"),
        ("at work", found.at_work, "the check is retried or under way; the account's page says why"),
        ("open", found.open, "not checked yet, or gone from Sales before the check"),
    ]
    for cause, number in found.parked.items():
        rows.append((f"parked: {title(cause, '', '', erp)}", number, _remedy(cause, erp)))
    return [row for row in rows if row[1]]


def _remedy(cause: str, erp: str) -> str:
    return remedy(Cause(cause), erp) if cause in Cause else ""
