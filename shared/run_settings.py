"""The settings of what runs by timer, and of runs that walk many accounts page by page."""

from typing import Annotated

from pydantic import BaseModel, Field


class RunSettings(BaseModel):
    """A part of `Settings`."""

    load_page_size: Annotated[int, Field(ge=1, le=1_000)] = Field(
        200, description="Most accounts whose checks one page of a load sends."
    )
    load_queued_per_partition: Annotated[int, Field(ge=1, le=1_000)] = Field(
        12,
        description="Changes of one partition that may wait while a load sends more: an event waits behind "
        "so many checks at most.",
    )
