"""Catch-up over the ports of the app."""

from dataclasses import dataclass
from datetime import timedelta

from shared.load.catch_up import CatchUp, CatchUpRules
from shared.ports.catch_up import AccountChanges, CatchUpNotes, KnownAccounts
from shared.wiring import Application
from shared.wiring.clients import Clients


@dataclass(frozen=True, slots=True)
class Sources:
    """What catch-up reads and where it stores its place; tests bring their own."""

    changes: AccountChanges
    known: KnownAccounts
    notes: CatchUpNotes


def sources_of(clients: Clients) -> Sources:
    """Return those of the real systems."""
    from shared.dataverse.changes import DataverseChanges
    from shared.storage.catch_up import CatchUpTable
    from shared.storage.known_accounts import KnownAccountTable
    from shared.storage.tables import ACCOUNT_SYNC, CONTROL

    table = clients.tables.get_table_client
    return Sources(
        DataverseChanges(clients.dataverse),
        KnownAccountTable(table(ACCOUNT_SYNC)),
        CatchUpTable(table(CONTROL)),
    )


def catch_up_of(app: Application, sources: Sources | None = None) -> CatchUp:
    """Return the use case behind the function `catch_up` and the command."""
    sources, ports, settings = sources or sources_of(app.clients), app.ports, app.settings
    return CatchUp(
        changes=sources.changes,
        known=sources.known,
        notes=sources.notes,
        counts=ports.counts,
        queue=ports.queue,
        breakers=app.breakers,
        clock=ports.clock,
        rules=CatchUpRules(
            every=timedelta(minutes=settings.catch_up_minutes),
            margin=timedelta(seconds=settings.transaction_margin_seconds),
            silence=timedelta(minutes=settings.silence_minutes),
            organization_id=settings.dataverse_organization_id,
        ),
    )
