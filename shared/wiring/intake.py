"""The use case behind both intakes, over the application's ports and settings."""

from datetime import timedelta
from typing import TYPE_CHECKING

from shared.intake.filter import Filter
from shared.intake.queue_change import QueueChange

if TYPE_CHECKING:
    from shared.wiring import Application


def queue_change_of(app: "Application") -> QueueChange:
    """Make the use case: its filter follows the field map."""
    ports, settings, field_map = app.ports, app.settings, app.field_map
    related = field_map.related_rows
    return QueueChange(
        queue=ports.queue,
        pages=ports.pages,
        rejected=ports.rejected,
        filter=Filter(
            field_map.watched, settings.integration_user_id, field_map.written_back, related.columns
        ),
        clock=ports.clock,
        transaction_margin=timedelta(seconds=settings.transaction_margin_seconds),
        organization_id=settings.dataverse_organization_id,
        look_ups=related.look_ups,
    )
