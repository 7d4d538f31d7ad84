"""Registers with Dataverse that it posts changes: one endpoint, a step for each message of accounts, and one
for updates of each other table whose rows accounts refer to.

In: the address to post to, and the columns that matter. Out: a plan that says what is missing or differs;
`apply` then changes Dataverse accordingly. Rows are found by name, so a second run changes nothing. No row is
deleted and created again, because that would double events or lose them; only steps of tables that the field
map no longer names are deleted. Source:
learn.microsoft.com/power-apps/developer/data-platform/azure-integration, .../register-web-hook and
.../register-plug-in.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from pydantic import SecretStr

from shared.dataverse.endpoints import NAMES, Columns, Endpoint, Kind, Registered, Registry, Scope
from shared.dataverse.registration_plan import Difference, Item, Plan
from shared.model.faults import ConfigurationFault, System

TABLE = "account"
MESSAGES = ("Create", "Update", "Delete")
_STEP: Columns = {
    "stage": 40,  # post-operation
    "mode": 1,  # asynchronous: a save in Sales does not wait for the app, nor fail because of it
    "rank": 1,
    "asyncautodelete": True,  # Dataverse deletes jobs that succeeded and keeps those that failed
    "supporteddeployment": 0,
}
_ENABLED: Columns = {"statecode": 0, "statuscode": 1}
_LISTS = {"filteringattributes"}
_NONE: Mapping[str, frozenset[str]] = MappingProxyType({})


class _Step(NamedTuple):
    """What a step posts; `attributes` filter updates, no others."""

    message: str
    table: str
    attributes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Registration:
    """`watched`: the columns of an account whose change matters; `related`: those of other tables."""

    registry: Registry
    watched: frozenset[str]
    related: Mapping[str, frozenset[str]] = _NONE

    async def plan(self, wanted: Endpoint) -> Plan:
        """Compare registered and wanted rows. Raises ConfigurationFault if a name exists twice."""
        found = _the_one(await self.registry.endpoints(wanted.name), wanted.name)
        known = await self.registry.steps(found.id) if found else ()
        names = {f"Account Sync: {step.message} of {step.table} {wanted.steps}": step for step in self._steps}
        steps = [await self._step(known, name, step) for name, step in names.items()]
        unknown = [step for step in known if step.name not in names]
        return Plan(
            wanted=wanted,
            organization_id=await self.registry.organization(),
            endpoint=_item(Kind.ENDPOINT, wanted.name, found, wanted.columns),
            steps=tuple(steps),
            obsolete=tuple(
                Item(Kind.STEP, step.name, step.id, {}, needed=False)
                for step in unknown
                if _ours(step, wanted)
            ),
            strangers=tuple(step.name for step in unknown if not _ours(step, wanted)),
            others=tuple([one for one in NAMES - {wanted.name} if await self.registry.endpoints(one)]),
            needs_secret=found is None or not found.columns.get(wanted.has_secret),
        )

    async def apply(self, plan: Plan, secret: SecretStr | None, solution: str = "") -> None:
        """Do what the plan says. A given secret is always sent, because it cannot be compared."""
        if plan.needs_secret and secret is None:
            message = "The endpoint has no key yet: give it one."
            raise ConfigurationFault(System.DATAVERSE, "needs a key to post with.", message)
        endpoint = plan.endpoint
        columns = dict(_changed(endpoint))
        if secret is not None:
            columns[plan.wanted.secret] = secret.get_secret_value()
        if (endpoint_id := endpoint.id) is None:
            new = {"name": endpoint.name, **columns}
            endpoint_id = await self.registry.create(Kind.ENDPOINT, new, solution)
        elif columns:
            await self.registry.update(Kind.ENDPOINT, endpoint_id, columns)
        for step in plan.steps:
            if step.id is None:
                own = _bound("eventhandler_serviceendpoint", endpoint_id)
                new = _sendable({"name": step.name, **step.wanted, **own})
                await self.registry.create(Kind.STEP, new, solution)
            elif step.differences:
                await self.registry.update(Kind.STEP, step.id, _sendable(_changed(step)))
        for step in plan.obsolete:
            if step.id is not None:
                await self.registry.delete(Kind.STEP, step.id)

    async def remove(self, wanted: Endpoint, *, dry_run: bool = False) -> Sequence[str]:
        """Delete our steps and then the endpoint. Return the names of the deleted rows.

        Raises ConfigurationFault if steps of others post to the endpoint.
        """
        found = _the_one(await self.registry.endpoints(wanted.name), wanted.name)
        if found is None:
            return ()
        steps = await self.registry.steps(found.id)
        if strangers := [step.name for step in steps if not _ours(step, wanted)]:
            remedy = f"Remove by hand what is not ours first: {', '.join(strangers)}."
            raise ConfigurationFault(System.DATAVERSE, "has other steps on this endpoint.", remedy)
        if not dry_run:
            for step in steps:
                await self.registry.delete(Kind.STEP, step.id)
            await self.registry.delete(Kind.ENDPOINT, found.id)
        return [*(step.name for step in steps), found.name]

    async def failed_posts(self, plan: Plan) -> Mapping[str, int]:
        """Count the posts of each step that are failed system jobs in Dataverse."""
        return {step.name: await self.registry.failed_jobs(step.id) for step in plan.steps if step.id}

    @property
    def _steps(self) -> Iterator[_Step]:
        """Give the steps of accounts, then one for each table whose rows they refer to."""
        columns = {TABLE: self.watched | self.related.get(TABLE, frozenset())}
        for message in MESSAGES:
            yield _Step(message, TABLE, columns[TABLE] if message == "Update" else frozenset())
        for table in sorted(self.related.keys() - {TABLE}):
            yield _Step("Update", table, self.related[table])

    async def _step(self, known: Sequence[Registered], name: str, step: _Step) -> Item:
        found = _the_one([one for one in known if one.name == name], name)
        scope = await self.registry.scope(step.message, step.table)
        attributes = ",".join(sorted(step.attributes))
        wanted = {**_STEP, **_ENABLED, "filteringattributes": attributes, **_scoped(scope)}
        return _item(Kind.STEP, name, found, wanted)


def _scoped(scope: Scope) -> Columns:
    return {"sdkmessageid": scope.message_id, "sdkmessagefilterid": scope.filter_id}


def _item(kind: Kind, name: str, found: Registered | None, wanted: Columns) -> Item:
    if found is None:
        return Item(kind, name, None, wanted)
    return Item(kind, name, found.id, wanted, tuple(_differences(found.columns, wanted)))


def _differences(found: Columns, wanted: Columns) -> Iterator[Difference]:
    for column, value in wanted.items():
        if _comparable(column, found.get(column)) != _comparable(column, value):
            yield Difference(column, found.get(column), value)


def _comparable(column: str, value: object) -> object:
    """Make a value comparable: no order in lists of columns, no case in ids and addresses, None equals ""."""
    text = "" if value is None else str(value)
    if column in _LISTS:
        return frozenset(part.strip() for part in text.split(",") if part.strip())
    return text.casefold().rstrip("/")


def _changed(item: Item) -> Columns:
    """Return the columns to send: all of a new row, otherwise those that differ; a state with its status."""
    if item.id is None:
        return item.wanted
    names = {difference.column for difference in item.differences}
    if names & set(_ENABLED):
        names |= set(_ENABLED)
    return {column: value for column, value in item.wanted.items() if column in names}


def _sendable(columns: Columns) -> Columns:
    """Encode columns for a request: lookups as links, "" as null, no state for a new row (it is enabled)."""
    sent: dict[str, object] = {}
    for column, value in columns.items():
        if column in {"sdkmessageid", "sdkmessagefilterid"}:
            sent |= _bound(column, value)
        elif "name" in columns and column in _ENABLED:
            continue
        else:
            sent[column] = None if value == "" else value
    return sent


_SETS = {
    "sdkmessageid": "sdkmessages",
    "sdkmessagefilterid": "sdkmessagefilters",
    "eventhandler_serviceendpoint": Kind.ENDPOINT,
}


def _bound(navigation: str, row_id: object) -> Columns:
    return {f"{navigation}@odata.bind": f"/{_SETS[navigation]}({row_id})"}


def _ours(step: Registered, wanted: Endpoint) -> bool:
    return step.name.startswith("Account Sync: ") and step.name.endswith(wanted.steps)


def _the_one(rows: Sequence[Registered], name: str) -> Registered | None:
    if len(rows) > 1:
        remedy = f'"{name}" is registered {len(rows)} times and posts as often: delete all but one by hand.'
        raise ConfigurationFault(System.DATAVERSE, "has a name twice.", remedy)
    return rows[0] if rows else None
