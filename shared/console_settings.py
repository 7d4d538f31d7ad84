"""The settings of the operator's page."""

from enum import StrEnum

from pydantic import Field

from shared.setting_types import Part


class ConsoleLogin(StrEnum):
    """Who signs people in before the operator's page sees them."""

    OFF = "off"
    EASY_AUTH = "easy-auth"
    LOCAL = "local"

    @property
    def is_on(self) -> bool:
        """Whether there is a page."""
        return self is not ConsoleLogin.OFF


class ConsoleSettings(Part):
    """A part of `Settings`."""

    console_login: ConsoleLogin = Field(
        ConsoleLogin.OFF,
        description="Sign-in of the operator's page: easy-auth (App Service authentication), local for the "
        "stand, or off: there is no page.",
    )
    website_hostname: str = Field(
        "",
        description="The app's own host name, set by the platform; the doctor asks there as a stranger.",
    )
