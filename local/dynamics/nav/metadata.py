"""The metadata document of the web services: each published page as an entity type of its service's name.

An option is a text there, and its values are not told (learn.microsoft.com/previous-versions/
dynamicsnav-2018-developer, "OData Web Services").
"""

from collections.abc import Mapping

from local.dynamics.calls import Answer
from local.dynamics.metadata import XML, EntityType, Field, Planted, edmx, planted
from local.dynamics.nav.pages import CUSTOMER_CARD, Control, Page


def answer(services: Mapping[str, Page], version: str, faults: Planted) -> Answer:
    """Answer with the document of these services; the faults are those of the customer card."""
    types = [
        EntityType(name, name, planted(_fields(page), faults if page is CUSTOMER_CARD else {}))
        for name, page in services.items()
    ]
    return Answer(200, edmx("NAV", types, version), dict(XML))


def _fields(page: Page) -> list[Field]:
    return [_field(control, key=name == page.key) for name, control in page.controls.items()]


def _field(control: Control, *, key: bool) -> Field:
    return Field(control.name, control.edm, control.length or None, key=key)
