"""Builds what decides about one account with reads only: the preview, and the comparison of both systems."""

from dataclasses import replace

from shared.sync.decide import Decide
from shared.wiring import Application
from shared.wiring.families import resolve_of


def decide_over[D: Decide](app: Application, kind: type[D]) -> D:
    """Build it over the application's ports. It looks first, to say what exists already."""
    ports = app.ports
    return kind(
        reader=ports.reader,
        target=ports.target,
        states=ports.states,
        resolve=resolve_of(app, ports.target.knows_currency),
        customers=ports.owners,
        in_use=app.target_in_use,
        rules=replace(app.rules, looks_first=True),
        clock=ports.clock,
    )
