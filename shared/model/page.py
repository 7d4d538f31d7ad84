"""PageDue: "do the next page of this run", the body of a message on the queue `load-pages`."""

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import Literal, Self

from pydantic import NonNegativeInt, TypeAdapter

from shared.model.related import RelatedChange, RelatedWalk


class RunKind(StrEnum):
    """What walks many accounts page by page.

    Of LOAD and RECONCILE, one run goes on at a time, and the table Control says where it stands. Of RELATED
    any number go on, and the message itself says it.
    """

    LOAD = "load"
    RECONCILE = "reconcile"
    RELATED = "related"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageDue:
    """One page of a run. `page` counts from 0; `attempt` rises when the page is sent again.

    `walk` is where the walk of a related change stands; other runs have none.
    """

    kind: RunKind
    run: str
    page: NonNegativeInt
    attempt: NonNegativeInt = 0
    schema: Literal[1] = 1
    walk: RelatedWalk | None = None

    def __post_init__(self) -> None:
        """Refuse a related change without its walk. Raises ValueError."""
        if (self.walk is None) == (self.kind is RunKind.RELATED):
            message = "a page has a walk if it is of a related change, and only then"
            raise ValueError(message)

    @classmethod
    def related(cls, change: RelatedChange) -> Self:
        """The first page of the walk through the accounts that refer to a row."""
        return cls(kind=RunKind.RELATED, run=change.id.hex, page=0, walk=RelatedWalk(change=change))

    @property
    def message_id(self) -> str:
        """The id by which the broker detects repeated messages."""
        return f"{self.kind}.{self.run}.{self.page}.{self.attempt}"

    def again(self) -> "PageDue":
        """Return the same page to be sent again."""
        return replace(self, attempt=self.attempt + 1)

    def waiting(self, walk: RelatedWalk) -> "PageDue":
        """Return the page to be sent again, with what the walk has read meanwhile."""
        return replace(self.again(), walk=walk)

    def following(self, walk: RelatedWalk) -> "PageDue":
        """Return the next page of the walk."""
        return replace(self, page=self.page + 1, attempt=0, walk=walk)


@cache
def _adapter() -> TypeAdapter[PageDue]:
    return TypeAdapter(PageDue)


def encode_page(page: PageDue) -> bytes:
    """The JSON body of the message."""
    return _adapter().dump_json(page, exclude_none=True)


def decode_page(body: bytes) -> PageDue:
    """The page in a message body. Raises ValueError for anything that is not one of schema 1."""
    return _adapter().validate_json(body)
