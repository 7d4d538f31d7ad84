"""What is registered with Dataverse to post events: complete, enabled, and posting to the right place."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shared.diagnostics.doctor.doctor import said
from shared.model.faults import NotPermitted
from shared.model.finding import Finding, Grade
from shared.model.observed import ColumnDifference, EventRegistration
from shared.ports.doctor import Registrations

_NAME = "registration"
_ELSEWHERE = "Events go elsewhere, or nowhere."
_HARMLESS = {"rank", "asyncautodelete", "userclaim", "supporteddeployment", "messagecharset"}
_IMPLIED = "statuscode"  # follows statecode, which is told
_WHY = {
    "mode": "Each save in Sales waits for the app, and fails with it.",
    "stage": "Events are posted before the change is stored.",
    "statecode": "A disabled step posts nothing: these changes are not noticed.",
    "messageformat": "The app reads JSON only, and rejects every event.",
    "sdkmessageid": "The step posts another kind of change.",
    "sdkmessagefilterid": "The step posts changes of another table.",
    **dict.fromkeys(("namespaceaddress", "path", "url", "contract"), _ELSEWHERE),
    **dict.fromkeys(("authtype", "saskeyname"), "The address refuses what is posted with another key."),
    "asyncautodelete": "Jobs that succeeded stay in Dataverse and fill its storage.",
}


@dataclass(frozen=True, slots=True)
class RegistrationCheck:
    """Compares each registered endpoint with what `accountsync register` would make of it."""

    registrations: Registrations

    async def check(self) -> Sequence[Finding]:
        """Return what differs, or one finding that all is well."""
        try:
            found = await self.registrations.read()
        except NotPermitted as fault:
            remedy = (
                "Call `accountsync doctor` as somebody with the role System Customizer in Sales: it then "
                "reads this too. The app itself needs no such right."
            )
            why = "Whether Dataverse posts events is not known."
            return [Finding(_NAME, Grade.NOT_CHECKED, said(fault), why, remedy)]
        if not found:
            why = "Changes are noticed by catch-up only, minutes later, or not at all where it is off."
            remedy = "Register with `accountsync register` when the app is to go live."
            return [Finding(_NAME, Grade.WARNING, "Nothing of this app is registered.", why, remedy)]
        findings = [finding for one in found for finding in _of_endpoint(one)]
        if len(found) > 1:
            findings += [_twice(found)]
        return findings or [Finding(_NAME, Grade.FINE, f"{found[0].endpoint} is as it should be.")]


def _twice(found: Sequence[EventRegistration]) -> Finding:
    what = f"{' and '.join(one.endpoint for one in found)} are both registered."
    remedy = "Remove one with `accountsync unregister` or `accountsync unregister --webhook`."
    return Finding(_NAME, Grade.ERROR, what, "Every change comes twice.", remedy)


def _of_endpoint(of: EventRegistration) -> Iterator[Finding]:
    remedy = f"`{of.command}` corrects it."
    if of.copies > 1:
        what = f"There are {of.copies} endpoints of this name."
        by_hand = "Delete all but one by hand, then register again."
        yield Finding(of.endpoint, Grade.ERROR, what, "Every change comes as often.", by_hand)
    if of.needs_key:
        why = "Dataverse cannot post without it."
        yield Finding(of.endpoint, Grade.ERROR, "The endpoint has no key.", why, remedy)
    for name in of.missing:
        what, why = f"The step {name} is missing.", "These changes are not noticed."
        yield Finding(of.endpoint, Grade.ERROR, what, why, remedy)
    for one in of.differences:
        if one.column != _IMPLIED:
            yield _of_column(one, remedy)
    for name in of.obsolete:
        what, why = (
            f"The step {name} is not needed any more.",
            "The app is woken for changes that it filters.",
        )
        yield Finding(of.endpoint, Grade.WARNING, what, why, remedy)
    for name in of.strangers:
        what = f"The step {name} posts to this endpoint and is not the app's."
        by_hand = "If nobody needs it, remove it by hand."
        yield Finding(of.endpoint, Grade.WARNING, what, "Events may come twice.", by_hand)
    if of.failed_posts:
        what = f"{of.failed_posts} posts failed for good and lie there as system jobs."
        by_hand = "Resume them in Sales under System Jobs, or check the accounts with `accountsync replay`."
        yield Finding(of.endpoint, Grade.WARNING, what, "Their changes did not arrive.", by_hand)


def _of_column(one: ColumnDifference, remedy: str) -> Finding:
    if one.column == "filteringattributes":
        return _of_columns(one, remedy)
    what = f'{one.column} is "{one.found}", not "{one.wanted}".'
    why = _WHY.get(one.column, "It is registered otherwise than the app expects.")
    return Finding(one.row, Grade.WARNING if one.column in _HARMLESS else Grade.ERROR, what, why, remedy)


def _of_columns(one: ColumnDifference, remedy: str) -> Finding:
    found, wanted = _listed(one.found), _listed(one.wanted)
    if found and (lacking := wanted - found):
        what = f"Changes of {', '.join(sorted(lacking))} are not posted."
        why = "The field map names these columns; their changes are not noticed."
        return Finding(one.row, Grade.ERROR, what, why, remedy)
    what = f"It posts changes of {', '.join(sorted(found - wanted)) or 'every column'} too."
    return Finding(one.row, Grade.WARNING, what, "The app is woken for changes that it filters.", remedy)


def _listed(columns: str) -> set[str]:
    return {part.strip() for part in columns.split(",") if part.strip()}
