"""The settings of what runs by timer, and of runs that walk many accounts page by page."""

from typing import Annotated

from pydantic import BaseModel, Field


class RunSettings(BaseModel):
    """A part of `Settings`."""

    catch_up_minutes: Annotated[int, Field(ge=0, le=1_440)] = Field(
        15, description="How often catch-up asks Sales for changes whose events did not come; 0: never."
    )
    silence_minutes: Annotated[int, Field(ge=1, le=10_080)] = Field(
        60, description="How long only catch-up finds changes before the app says that no events come."
    )
