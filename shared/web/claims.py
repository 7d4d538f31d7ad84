"""Reads the claims of an access token, to show for what and for whom it was issued.

The token is not verified: that is the system's part. Only claims that identify no person by name leave here.
Source: learn.microsoft.com/entra/identity-platform/access-token-claims-reference.
"""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

from shared.model.observed import TokenClaims
from shared.web.credentials import Tokens


async def read_claims(tokens: Tokens) -> TokenClaims | None:
    """Get a token and return its claims; None if it is no JSON web token. Raises the faults of `tokens`."""
    scheme, _, token = (await tokens.authorization()).partition(" ")
    payload = token.split(".")[1] if scheme == "Bearer" and token.count(".") == 2 else ""
    try:
        content: object = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except ValueError:
        return None
    return _claims(cast(Mapping[str, Any], content)) if isinstance(content, dict) else None


def _claims(content: Mapping[str, Any]) -> TokenClaims:
    expires = content.get("exp")
    return TokenClaims(
        audience=_text(content.get("aud")),
        tenant=_text(content.get("tid")),
        application=_text(content.get("appid") or content.get("azp")),
        object_id=_text(content.get("oid")),
        expires_at=datetime.fromtimestamp(expires, UTC) if isinstance(expires, int | float) else None,
    )


def _text(claim: object) -> str:
    return claim[:200] if isinstance(claim, str) else ""
