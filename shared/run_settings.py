"""The settings of what runs by timer, and of runs that walk many accounts page by page."""

from typing import Annotated

from pydantic import Field

from shared.setting_types import Part

type TimeOfDay = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class RunSettings(Part):
    """A part of `Settings`."""

    catch_up_minutes: Annotated[int, Field(ge=0, le=1_440)] = Field(
        15, description="How often catch-up asks Sales for changes whose events did not come; 0: never."
    )
    silence_minutes: Annotated[int, Field(ge=1, le=10_080)] = Field(
        60, description="How long only catch-up finds changes before the app says that no events come."
    )
    load_page_size: Annotated[int, Field(ge=1, le=300)] = Field(
        200, description="Most accounts that one page of a load reads and checks."
    )
    load_queued_per_partition: Annotated[int, Field(ge=1, le=30)] = Field(
        8,
        description="Most checks of a load in one partition: an event waits behind so many at most.",
    )
    label_language: Annotated[int, Field(ge=1, le=65_535)] | None = Field(
        None,
        description="Language of the labels of choices that the field map reads, by its number in Sales, "
        "such as 1033 for English; by default the base language of the organization.",
    )
    reconcile_at: TimeOfDay | None = Field(
        None,
        description="Time, HH:MM in UTC, at which both systems are compared every day; not set: never.",
    )
