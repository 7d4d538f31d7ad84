"""App Service authentication of the local host: a link signs in, and each request says who sends it.

As in Azure, X-MS-CLIENT-PRINCIPAL* headers of a request are removed whoever sends it, and the platform's own
are set after sign-in. Unlike Azure, nobody is redirected to a login page: without sign-in the pages below
`PROTECTED` answer 401. It is on where the app's settings say CONSOLE_LOGIN=local.
Source: learn.microsoft.com/azure/app-service/configure-authentication-user-identities.
"""

import base64
import hashlib
import hmac
import json
from urllib.parse import unquote
from uuid import UUID

from aiohttp import web

ROLES = ("reader", "operator", "administrator", "none")
SIGN_IN, SIGN_OUT = "/.auth/login/stand", "/.auth/logout"
PROTECTED = "/api/console"
_COOKIE = "AppServiceAuthSession"
_HEADERS = "x-ms-client-principal"
_ROLE = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"
_NAME = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name"


def sign_in_link(address: str, function_key: str, role: str = "operator") -> str:
    """The address that signs a browser in with this role and goes on to the page."""
    return f"{address}{SIGN_IN}?role={role}&key={_proof(function_key, role)}"


def object_id(role: str) -> UUID:
    """The person that has this role on the stand."""
    return UUID(int=0xA11CE << 32 | ROLES.index(role) + 1)


class EasyAuth:
    """Signs people in; `on` is false where the app has no page."""

    def __init__(self, function_key: str, *, on: bool) -> None:
        self._key, self._on = function_key, on

    def answer(self, request: web.Request) -> web.Response | None:
        """The platform's own answer, where the app is not asked."""
        path = request.rel_url.raw_path
        if not self._on:
            return None
        if path == SIGN_IN:
            return self._signed_in(request)
        if path == SIGN_OUT:
            response = web.Response(text="Signed out. The link of `dev.py start` signs in again.")
            response.del_cookie(_COOKIE)
            return response
        plain = unquote(path).lower()
        if (plain == PROTECTED or plain.startswith(f"{PROTECTED}/")) and self._role(request) is None:
            return web.Response(status=401, text="Nobody is signed in: use the link of `dev.py start`.")
        return None

    def headers(self, request: web.Request) -> dict[str, str]:
        """The request's headers in lower case, with the platform's word on who sends it."""
        names = {name.lower() for name in request.headers}
        found = {
            name: ",".join(request.headers.getall(name)) for name in names if not name.startswith(_HEADERS)
        }
        role = self._role(request)
        return found if role is None else found | principal(role)

    def _signed_in(self, request: web.Request) -> web.Response:
        role, proof = request.query.get("role", ""), request.query.get("key", "")
        if role not in ROLES or not hmac.compare_digest(proof.encode(), _proof(self._key, role).encode()):
            return web.Response(status=403, text="This link does not belong to this stand.")
        response = web.Response(status=302, headers={"Location": f"{PROTECTED}/"})
        response.set_cookie(_COOKIE, f"{role}.{proof}", httponly=True, samesite="Lax", path="/")
        return response

    def _role(self, request: web.Request) -> str | None:
        role, _, proof = request.cookies.get(_COOKIE, "").partition(".")
        known = self._on and role in ROLES
        return (
            role if known and hmac.compare_digest(proof.encode(), _proof(self._key, role).encode()) else None
        )


def principal(role: str) -> dict[str, str]:
    """The headers of a person with this role ("none": a person without one)."""
    who = str(object_id(role))
    claims = [{"typ": "http://schemas.microsoft.com/identity/claims/objectidentifier", "val": who}]
    claims += [{"typ": _ROLE, "val": role}] if role != "none" else []
    content = {"auth_typ": "aad", "claims": claims, "name_typ": _NAME, "role_typ": _ROLE}
    return {
        _HEADERS: base64.b64encode(json.dumps(content).encode()).decode(),
        f"{_HEADERS}-id": who,
        f"{_HEADERS}-idp": "aad",
        f"{_HEADERS}-name": f"{role}@stand.example",
    }


def _proof(function_key: str, role: str) -> str:
    return hmac.new(function_key.encode(), f"sign-in {role}".encode(), hashlib.sha256).hexdigest()
