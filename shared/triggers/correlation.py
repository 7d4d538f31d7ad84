"""The sender's correlation id: a GUID or nothing, because it goes into logs and message properties."""

from uuid import UUID


def correlation_id(text: str | None) -> UUID | None:
    """The id in a header or a property that anybody can fill with anything."""
    try:
        return UUID(text or "")
    except ValueError:
        return None
