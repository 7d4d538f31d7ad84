"""The use cases of runs that walk many accounts page by page, and who handles the pages of each kind."""

from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from shared.load.choose import Pace
from shared.load.first_load import FirstLoad
from shared.load.related import CheckReferring
from shared.load.report import ReportLoad
from shared.load.room import Room
from shared.load.steer import SteerLoad
from shared.load.unfinished import Unfinished
from shared.model.page import PageDue, RunKind
from shared.resilience.load_limit import LoadLimit

if TYPE_CHECKING:
    from shared.wiring import Application

type HandlePage = Callable[[PageDue], Awaitable[None]]


class RunCases:
    """Made by the application, over its ports and settings."""

    def __init__(self, app: "Application") -> None:
        self._app = app

    @cached_property
    def handlers(self) -> Mapping[RunKind, HandlePage]:
        """Who handles the pages of each kind of run."""
        return {
            RunKind.LOAD: self.first_load.handle,
            RunKind.RECONCILE: self._reconcile,
            RunKind.RELATED: self.check_referring.handle,
        }

    @cached_property
    def first_load(self) -> FirstLoad:
        """The pages of a first load."""
        ports = self._app.ports
        return FirstLoad(
            runs=ports.runs,
            pages=ports.pages,
            accounts=ports.accounts,
            queue=ports.queue,
            waiting=ports.waiting,
            unfinished=self._unfinished,
            breakers=self._app.breakers,
            clock=ports.clock,
            pace=self._pace,
        )

    @cached_property
    def check_referring(self) -> CheckReferring:
        """The pages of related changes."""
        ports, pace = self._app.ports, self._pace
        return CheckReferring(
            pages=ports.pages,
            accounts=ports.accounts,
            queue=ports.queue,
            unfinished=self._unfinished,
            room=Room(ports.waiting, ports.clock, pace.bound),
            breakers=self._app.breakers,
            clock=ports.clock,
            jitter=ports.jitter,
            pace=pace,
            operator_wait=self._app.settings.operator_retry_seconds,
        )

    @cached_property
    def steer_load(self) -> SteerLoad:
        """What a person does with a load."""
        ports = self._app.ports
        return SteerLoad(ports.runs, ports.pages, ports.accounts, self._unfinished, ports.clock)

    @cached_property
    def report_load(self) -> ReportLoad:
        """How the checks of a load ended."""
        return ReportLoad(self._app.ports.checked)

    @cached_property
    def load_limit(self) -> LoadLimit:
        """How many customers a load may create."""
        ports = self._app.ports
        return LoadLimit(ports.control, ports.runs, ports.clock)

    async def _reconcile(self, page: PageDue) -> None:
        from shared.wiring.reconcile import reconcile_of

        await reconcile_of(self._app).handle(page)

    @cached_property
    def _pace(self) -> Pace:
        settings = self._app.settings
        return Pace(settings.load_page_size, settings.load_queued_per_partition, settings.sync_partitions)

    @cached_property
    def _unfinished(self) -> Unfinished:
        return Unfinished(self._app.ports.checked)
