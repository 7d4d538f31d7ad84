"""The metadata document of an API: its pages as entity types.

An enum has a type of its own with its members, and lengths stand at the texts (learn.microsoft.com/
dynamics365/business-central/dev-itpro/developer/devenv-develop-custom-api).
"""

from collections.abc import Mapping

from local.dynamics.business_central.entities import COMPANIES
from local.dynamics.business_central.schema import NAMESPACE, Entity, Property
from local.dynamics.calls import Answer
from local.dynamics.metadata import XML, EntityType, Field, Planted, edmx, planted


def answer(pages: Mapping[str, Entity], faults: Planted) -> Answer:
    """Answer with the document of these pages; the faults are those of customers."""
    types = [_type(page, faults if page.entity_set == "customers" else {}) for page in pages.values()]
    return Answer(200, edmx(NAMESPACE, [_type(COMPANIES, {}), *types]), dict(XML))


def _type(page: Entity, faults: Planted) -> EntityType:
    fields = planted((_field(page, item) for item in page.properties.values()), faults)
    return EntityType(page.name, page.entity_set, fields)


def _field(page: Entity, item: Property) -> Field:
    type_name = f"{NAMESPACE}.{page.name}{item.name.capitalize()}" if item.values else item.edm
    return Field(item.name, type_name, item.max_length, item.values, key=item.name == "id")
