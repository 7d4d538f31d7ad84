"""The sign-in before the operator's page: requests that pretend to come from an operator must not reach it.

infra/smoke.py asks the same after each deployment; a test holds that both ask alike.
"""

import asyncio
import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from shared.model.finding import Finding, Grade
from shared.ports.doctor import FrontDoor, Reply

NAME = "sign-in of the page"
# The operator's page, its other spellings, and ways to it below the paths that need no sign-in.
FORGED_PATHS = (
    "/api/console/",
    "/API/CONSOLE/",
    "/api/%63onsole/",
    "/api/console%2F",
    "/api//console/",
    "/api/health/../console/",
    "/api/health/%2e%2e/console/",
    "/api/health/..%2Fconsole/",
    "/api/dataverse/events/../../console/",
    "/api/dataverse/events/%2e%2e/%2e%2e/console/",
)
REFUSALS = frozenset({301, 302, 303, 307, 308, 400, 401, 403, 404})
OF_THE_PAGE = "default-src 'none'"  # begins the policy that every answer of the page has
_BUSY = 500
_REASON = "Anybody on the internet could see names and values, and have accounts checked."
_REMEDY = (
    "Set CONSOLE_LOGIN=off at once. Then see that App Service authentication is on and excludes only "
    "/api/dataverse/events and /api/health, and deploy infra again with consoleClientId."
)
_UNKNOWN = "As long as this is not known, nobody can say that strangers are kept out."


def forged() -> dict[str, str]:
    """Return the headers that the platform would set for an operator."""
    claims = [{"typ": "roles", "val": "operator"}]
    content = {"auth_typ": "aad", "claims": claims, "name_typ": "name", "role_typ": "roles"}
    return {
        "X-MS-CLIENT-PRINCIPAL": base64.b64encode(json.dumps(content).encode()).decode(),
        "X-MS-CLIENT-PRINCIPAL-ID": str(UUID(int=0x4000 << 64 | 0x8000 << 48)),
        "X-MS-CLIENT-PRINCIPAL-IDP": "aad",
    }


@dataclass(frozen=True, slots=True)
class SignInCheck:
    """`on`: whether there is a page. `door` is None if the app does not know its own address."""

    on: bool
    door: FrontDoor | None

    async def check(self) -> Sequence[Finding]:
        """Return an error for each path on which a forged sign-in was not refused before the page."""
        if not self.on:
            return [Finding(NAME, Grade.FINE, "CONSOLE_LOGIN is off: there is no page.")]
        if self.door is None:
            what = "The app does not know its own address: WEBSITE_HOSTNAME is empty."
            remedy = "The platform sets it; where it does not, set it to the app's host name."
            return [Finding(NAME, Grade.NOT_CHECKED, what, _UNKNOWN, remedy)]
        replies = await asyncio.gather(*(self.door.ask(path, forged()) for path in FORGED_PATHS))
        found = [one for pair in zip(FORGED_PATHS, replies, strict=True) if (one := _judged(*pair))]
        fine = f"A forged sign-in is refused before the page at all {len(FORGED_PATHS)} spellings."
        return found or [Finding(NAME, Grade.FINE, fine)]


def _judged(path: str, reply: Reply | None) -> Finding | None:
    """Return what is wrong with the reply, if anything is."""
    if reply is None or (reply.status >= _BUSY and not reply.policy.startswith(OF_THE_PAGE)):
        said = "no answer" if reply is None else f"the answer {reply.status}"
        remedy = "See that the app can reach its own address; a network rule may forbid it."
        return Finding(NAME, Grade.NOT_CHECKED, f"There was {said} at {path}.", _UNKNOWN, remedy)
    if reply.policy.startswith(OF_THE_PAGE):
        what = f"A request without sign-in to {path} reached the page, which answered {reply.status} itself."
        return Finding(NAME, Grade.ERROR, what, _REASON, _REMEDY)
    if reply.status not in REFUSALS:
        what = f"A forged sign-in to {path} was answered with {reply.status}, not refused."
        return Finding(NAME, Grade.ERROR, what, _REASON, _REMEDY)
    return None
