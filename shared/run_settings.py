"""The settings of what runs by timer, and of runs that walk many accounts page by page."""

from pydantic import BaseModel


class RunSettings(BaseModel):
    """A part of `Settings`."""
