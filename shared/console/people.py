"""Who is signed in, and what the person's role allows. Pure.

App Service authentication passes the person in X-MS-CLIENT-PRINCIPAL, and removes such a header from each
request from outside. Source: learn.microsoft.com/azure/app-service/configure-authentication-user-identities.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ValidationError

PRINCIPAL, PRINCIPAL_ID = "x-ms-client-principal", "x-ms-client-principal-id"
# Entra ID's name for the claim, and the name that the platform gives it.
_ROLE_CLAIMS = {"roles", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"}


class Role(StrEnum):
    """The app roles of the registration in Entra ID; each one includes those before it."""

    READER = "reader"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"


_ORDER = tuple(Role)


@dataclass(frozen=True, slots=True)
class Person:
    """A person who is signed in. `role` is None if the person has none of the roles."""

    id: UUID
    role: Role | None

    def may(self, least: Role) -> bool:
        """Whether the person has this role or a higher one."""
        return self.role is not None and _ORDER.index(self.role) >= _ORDER.index(least)

    @property
    def operates(self) -> bool:
        """Whether the person may see names and values, and change things."""
        return self.may(Role.OPERATOR)

    @property
    def administers(self) -> bool:
        """Whether the person may do everything."""
        return self.may(Role.ADMINISTRATOR)


class _Claim(BaseModel):
    typ: str
    val: str


class _Principal(BaseModel):
    claims: list[_Claim] = []
    role_typ: str = ""


def person_of(headers: Mapping[str, str]) -> Person | None:
    """Return who is signed in; None for nobody, and for a header that cannot be read."""
    try:
        text = base64.b64decode(headers.get(PRINCIPAL, ""), validate=True)
        principal = _Principal.model_validate_json(text)
        who = UUID(headers.get(PRINCIPAL_ID, ""))
    except (binascii.Error, ValidationError, ValueError):
        return None
    return Person(who, _highest(principal))


def _highest(principal: _Principal) -> Role | None:
    named = principal.role_typ
    kinds = _ROLE_CLAIMS if not named or named in _ROLE_CLAIMS else {named}
    given = {claim.val for claim in principal.claims if claim.typ in kinds}
    return next((role for role in reversed(_ORDER) if role in given), None)
