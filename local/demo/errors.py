"""The one error of the demonstration, to be shown in a line."""


class DemoError(Exception):
    """The demonstration cannot go on."""
