"""What the plan of every check follows: the settings, the field map, and what the ERP does. Pure data."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from shared.model.capabilities import Capabilities
from shared.model.customer import CustomerBody, FieldValue, Fingerprints
from shared.model.field_map import FieldMap

_BEGUN_AT_MOST = 16


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings that the plan depends on, and what the ERP does.

    `existing`: match, adopt or park when the customer exists already. `looks_first`: read the customer before
    every creation, as the preview does. If false, that read is left out, because the ERP itself refuses to
    create a number that exists.
    """

    field_map: FieldMap
    capabilities: Capabilities
    fingerprints: Fingerprints
    existing: str
    block_on_delete: bool
    block_on_deactivate: bool
    looks_first: bool = False

    @property
    def number_field(self) -> str:
        """The ERP's field name of the customer number."""
        return self.field_map.key.field

    def creation_print(self, fields: Mapping[str, FieldValue]) -> str:
        """Return the hash by which a customer with these fields is known as the one that we created.

        Fields that the ERP changes by itself are left out. If the ERP may insert a customer and then refuse
        it, the hash has one part for each field, so that an incomplete customer is known too.
        """
        names = sorted(self.field_map.names - self.capabilities.changed_by_erp)
        if not self.capabilities.refused_create_may_exist:
            return self.fingerprints.of_whole({name: fields.get(name, "") for name in names})
        return ".".join(self.fingerprints.of(name, fields.get(name) or "")[:8] for name in names)

    def begun_with(self, begun: tuple[str, ...], body: CustomerBody) -> tuple[str, ...]:
        """Return the creations begun, with this one."""
        new = self.creation_print(body.fields)
        return (*(other for other in begun if other != new), new)[-_BEGUN_AT_MOST:]

    def is_created(self, found: Mapping[str, FieldValue], begun: Collection[str]) -> bool:
        """Whether one of the creations begun made the customer that was found, whole or in part."""
        seen = self.creation_print(found)
        if seen in begun or not self.capabilities.refused_create_may_exist:
            return seen in begun
        blank = self.creation_print(self.capabilities.blank_values).split(".")
        parts = seen.split(".")
        return any(
            all(part in allowed for part, *allowed in zip(parts, made.split("."), blank, strict=True))
            for made in begun
        )
