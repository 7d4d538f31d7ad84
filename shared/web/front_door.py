"""Requests to the app's own address, as anybody on the internet can send them."""

from collections.abc import Mapping

import httpx

from shared.ports.doctor import Reply

LONGEST = 10.0  # seconds


class OwnAddress:
    """Implements the port FrontDoor. No redirect is followed, and the path is sent as it is given."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def ask(self, path: str, headers: Mapping[str, str]) -> Reply | None:
        exactly = {"target": path.encode()}  # an URL would lose its /../
        try:
            async with httpx.AsyncClient(timeout=LONGEST, follow_redirects=False) as client:
                answer = await client.get(self._address, headers=dict(headers), extensions=exactly)
        except httpx.HTTPError:
            return None
        return Reply(answer.status_code, answer.headers.get("content-security-policy", ""))
