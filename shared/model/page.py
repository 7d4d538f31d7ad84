"""PageDue: "do the next page of this run", the body of a message on the queue `load-pages`."""

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import Literal

from pydantic import NonNegativeInt, TypeAdapter


class RunKind(StrEnum):
    """What walks many accounts page by page. Of each kind, one run goes on at a time."""

    LOAD = "load"
    RECONCILE = "reconcile"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageDue:
    """One page of a run. `page` counts from 0; `attempt` rises when the page is sent again."""

    kind: RunKind
    run: str
    page: NonNegativeInt
    attempt: NonNegativeInt = 0
    schema: Literal[1] = 1

    @property
    def message_id(self) -> str:
        """The id by which the broker detects repeated messages."""
        return f"{self.kind}.{self.run}.{self.page}.{self.attempt}"

    def again(self) -> "PageDue":
        """Return the same page to be sent again."""
        return replace(self, attempt=self.attempt + 1)


@cache
def _adapter() -> TypeAdapter[PageDue]:
    return TypeAdapter(PageDue)


def encode_page(page: PageDue) -> bytes:
    """The JSON body of the message."""
    return _adapter().dump_json(page)


def decode_page(body: bytes) -> PageDue:
    """The page in a message body. Raises ValueError for anything that is not one of schema 1."""
    return _adapter().validate_json(body)
