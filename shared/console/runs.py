"""The work that walks many accounts: the first load, and the comparison of both systems."""

from starlette.responses import Response

from shared.console.desk import Desk
from shared.diagnostics.read_runs import newest_runs, rate_of, seconds_left
from shared.model.load import LoadState

RESUMED = {LoadState.PAUSED, LoadState.STOPPED}


async def show(desk: Desk) -> Response:
    """Show the newest run of each kind; while one goes on, the page reads again by itself."""
    now, runs = desk.operator.ports.clock.now(), await newest_runs(desk.operator.ports.runs)
    load, comparison = runs.load, runs.comparison
    compares = comparison is not None and desk.operator.reconcile.goes_on(comparison)
    return desk.show(
        "runs.html",
        load=load,
        rate=rate_of(load, now) if load else 0,
        left=seconds_left(load, now) if load else None,
        resumed=load is not None and load.state in RESUMED,
        comparison=comparison,
        compares=compares,
        live=compares or (load is not None and load.state is LoadState.RUNNING),
    )
