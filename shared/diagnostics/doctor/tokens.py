"""The token for each system: that there is one, and what it was issued for and to whom."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

from shared.diagnostics.doctor.doctor import all_attempted, said
from shared.model.faults import ConfigurationFault, System
from shared.model.finding import Finding, Grade
from shared.model.observed import TokenClaims
from shared.ports import Clock
from shared.ports.doctor import ReadClaims


class TokenFor(NamedTuple):
    """What the token for a system has to say. `read` is None where the system is given no token.

    `audience` is the address of the resource; `tenant` and `application` are compared if they are set.
    """

    system: System
    read: ReadClaims | None
    audience: str
    tenant: str = ""
    application: str = ""


@dataclass(frozen=True, slots=True)
class TokensCheck:
    """Gets a token for each system and compares its claims."""

    tokens: Sequence[TokenFor]
    clock: Clock

    async def check(self) -> Sequence[Finding]:
        """Return one finding for each system."""
        return await all_attempted(*((_name(token.system), self._one(token)) for token in self.tokens))

    async def _one(self, token: TokenFor) -> Finding:
        name = _name(token.system)
        if token.read is None:
            return Finding(name, Grade.FINE, "The system is given a key, and needs no token.")
        try:
            claims = await token.read()
        except ConfigurationFault as fault:
            why = "Every request to this system is refused."
            return Finding(name, Grade.ERROR, said(fault), why, fault.remedy)
        if claims is None:
            what, why = (
                "There is one, but its claims cannot be read.",
                "It may be for another system or tenant.",
            )
            remedy = "If the system can be read, as told elsewhere here, there is nothing to do."
            return Finding(name, Grade.NOT_CHECKED, what, why, remedy)
        return self._wrong(token, claims) or Finding(name, Grade.FINE, f"Issued {_told(claims)}.")

    def _wrong(self, token: TokenFor, claims: TokenClaims) -> Finding | None:
        name = _name(token.system)
        if not _same_resource(claims.audience, token.audience):
            what = f"It was issued for {claims.audience}, not for {token.audience}."
            remedy = "Check the address and the scope of this system in the settings."
            return Finding(name, Grade.ERROR, what, "The system refuses it.", remedy)
        if token.tenant and claims.tenant.casefold() != token.tenant.casefold():
            what = f"It is of the tenant {claims.tenant}, not of {token.tenant}."
            remedy = "Check the tenant id in the settings, or the tenant in which the app signs in."
            return Finding(
                name, Grade.ERROR, what, "The system does not know this tenant's identities.", remedy
            )
        if token.application and claims.application.casefold() != token.application.casefold():
            what = f"It was issued to the application {claims.application}, not to {token.application}."
            remedy = "Check the client id in the settings, and the identity that is assigned to the app."
            return Finding(name, Grade.ERROR, what, "The rights were given to another identity.", remedy)
        if claims.expires_at is not None and claims.expires_at <= self.clock.now():
            what = f"A new token ended at {claims.expires_at:%Y-%m-%d %H:%M:%S} UTC already."
            return Finding(name, Grade.ERROR, what, "It is refused.", "Set the clock of this machine right.")
        return None


def _name(system: System) -> str:
    return f"token for {system}"


def _told(claims: TokenClaims) -> str:
    parts = (
        ("for", claims.audience),
        ("to application", claims.application),
        ("object", claims.object_id),
        ("tenant", claims.tenant),
    )
    return ", ".join(f"{label} {value}" for label, value in parts if value)


def _same_resource(found: str, wanted: str) -> bool:
    """Whether both name one resource. An audience that is an application's id is not compared."""
    return "://" not in found or _origin(found) == _origin(wanted)


def _origin(address: str) -> tuple[str, str]:
    parts = urlsplit(address.casefold())
    return parts.scheme, parts.netloc
