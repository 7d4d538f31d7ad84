"""The operator's page over the systems in memory, and people who use it without a browser."""

import base64
import json
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from uuid import UUID

import httpx

from shared.console.app import make_app
from shared.load.reconcile import Reconcile
from shared.load.repair import Repair
from shared.model.account import AccountCurrency, AccountName
from shared.model.page import RunKind
from shared.model.queues import QueueDepth
from shared.wiring import Application
from shared.wiring.operator import Operator
from shared.wiring.reconcile import ReconcilePorts, reconcile_over
from tests.fakes.actions import FakeActions
from tests.fakes.doctor import FakeDiagnoses
from tests.fakes.mapping import FakeInquiry
from tests.fakes.reconciling import FakeDifferences, FakeRows
from tests.flow.world import ORGANIZATION, World

WHO = UUID("0a11ce00-0000-4000-8000-000000000001")
BASE = "/api/console"
SAME = {"Sec-Fetch-Site": "same-origin"}
_MARKED = re.compile(r"<time [^>]*>[^<]*</time>|<[^>]*>")
_CLOCK = re.compile(r".{0,40}\d\d:\d\d.{0,20}")
ROLE_CLAIM = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"


def principal(*roles: str, kind: str = ROLE_CLAIM, role_typ: str = ROLE_CLAIM) -> dict[str, str]:
    """The headers that the platform sets for a person with these roles."""
    content = {"claims": [{"typ": kind, "val": role} for role in roles], "role_typ": role_typ}
    text = base64.b64encode(json.dumps(content).encode()).decode()
    return {"X-MS-CLIENT-PRINCIPAL": text, "X-MS-CLIENT-PRINCIPAL-ID": str(WHO)}


class _Reader(HTMLParser):
    """The text of a page, and its hidden fields."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.fields: list[tuple[str, str]] = []
        self.tags: list[str] = []

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        given = dict(attrs)
        if tag == "input" and given.get("type") == "hidden":
            self.fields.append((given.get("name") or "", given.get("value") or ""))


@dataclass
class Seen:
    """One answer: its status, headers, text as a person reads it, hidden fields and elements."""

    answer: httpx.Response
    text: str
    fields: list[tuple[str, str]]
    tags: list[str]

    @property
    def status(self) -> int:
        return self.answer.status_code


@dataclass
class Page:
    """The page over one world."""

    world: World = field(default_factory=World)
    inquiry: FakeInquiry = field(default_factory=FakeInquiry)
    actions: FakeActions = field(default_factory=FakeActions)
    differences: FakeDifferences = field(default_factory=FakeDifferences)
    diagnoses: FakeDiagnoses = field(default_factory=FakeDiagnoses)
    locked: int | None = None

    def __post_init__(self) -> None:
        app = self.world.application()
        self.operator = Operator(app.settings, app.field_map, app.ports)
        self.operator.erp = app.erp
        given = {"_sales": self.inquiry, "actions": self.actions, "queue_depths": self}
        self.operator.__dict__ |= given | {"reconcile": self._reconcile(app), "repair": self._repair(app)}
        self.operator.clients.__dict__["diagnoses"] = self.diagnoses
        self.app = make_app(self.operator)

    def _reconcile(self, app: Application) -> Reconcile:
        world = self.world
        rows = FakeRows(world.sales)
        own = ReconcilePorts(runs=world.runs, queue=world.pages, differences=self.differences, rows=rows)
        return reconcile_over(app, own)

    def _repair(self, app: Application) -> Repair:
        async def organization() -> UUID:
            return ORGANIZATION

        return Repair(app.ports.queue, app.ports.states, app.ports.clock, organization)

    async def do_pages(self) -> None:
        """Let the app do the pages of the runs, and the checks that they send."""
        handlers = {
            RunKind.LOAD: self.operator.run_cases.first_load.handle,
            RunKind.RECONCILE: self.operator.reconcile.handle,
        }
        while (page := self.world.pages.take_next()) is not None:
            await handlers[page.kind](page)
            await self.world.drain()

    async def depths(self) -> list[QueueDepth]:
        """The counts of the queues, of which only one is told here."""
        return [
            QueueDepth(
                "account-changes", active=3, scheduled=2, dead_letters=0, oldest_at=None, locked=self.locked
            )
        ]

    def name(self, account_id: UUID, number: str, name: str) -> None:
        """Let Sales know an account by its names."""
        self.inquiry.known[account_id] = AccountName(number, name)
        self.inquiry.numbers[number] = [account_id]

    def currency(self, name: str, iso: str) -> None:
        """Let Sales know a currency."""
        self.inquiry.listed.append(AccountCurrency(name, iso))

    async def get(self, path: str, role: str = "operator", /) -> Seen:
        """Read a page as a person with this role."""
        return await self._ask("GET", path, principal(role))

    async def post(self, path: str, role: str = "operator", /, **fields: object) -> Seen:
        """Send a form; a redirection is followed."""
        seen = await self._ask("POST", path, {**principal(role), **SAME}, fields)
        if seen.status == 303:
            return await self.get(seen.answer.headers["location"].removeprefix(BASE), role)
        return seen

    async def bare(self, method: str, path: str, headers: dict[str, str]) -> Seen:
        """Send exactly these headers."""
        return await self._ask(method, path, headers)

    async def answer(self, path: str) -> httpx.Response:
        """Read a page as an operator, as it is sent."""
        return await self._send("GET", path, principal("operator"))

    async def _ask(
        self, method: str, path: str, headers: dict[str, str], fields: dict[str, object] | None = None
    ) -> Seen:
        answer, reader = await self._send(method, path, headers, fields), _Reader()
        if "html" in answer.headers.get("content-type", ""):
            assert _CLOCK.findall(_MARKED.sub(" ", answer.text)) == [], "a time that is not in <time>"
        reader.feed(answer.text)
        return Seen(answer, " ".join(" ".join(reader.texts).split()), reader.fields, reader.tags)

    async def _send(
        self, method: str, path: str, headers: dict[str, str], fields: dict[str, object] | None = None
    ) -> httpx.Response:
        transport = httpx.ASGITransport(self.app)  # pyright: ignore[reportArgumentType]
        async with httpx.AsyncClient(transport=transport, base_url="https://app.example") as client:
            files = {name: value for name, value in (fields or {}).items() if isinstance(value, tuple)}
            data = {name: value for name, value in (fields or {}).items() if name not in files}
            return await client.request(method, BASE + path, headers=headers, data=data, files=files or None)
