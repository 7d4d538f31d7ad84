"""The doctor finds each fault that is planted, with its remedy, and nothing else."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from shared.dataverse.endpoints import Kind, webhook_endpoint
from shared.dataverse.registration import Registration
from shared.diagnostics.doctor.sales import IdentityCheck
from shared.model.faults import (
    ConfigurationFault,
    Fault,
    NotPermitted,
    QueueUnavailable,
    System,
    TransientFault,
)
from shared.model.finding import Grade
from tests.fakes.clock import FakeClock
from tests.fakes.doctor import USER, FakeOrganization
from tests.fakes.registry import ORGANIZATION, FakeRegistry
from tests.unit.surroundings import SALES, WATCHED, WEBHOOK, Surroundings

ELSEWHERE = UUID(int=9)


async def test_where_all_is_right_nothing_is_found() -> None:
    around = Surroundings()
    await around.register()
    assert await around.findings() == []


type Plant = Callable[[Surroundings], object]


def setting(**members: Any) -> Plant:
    return lambda around: setattr(around, "set_up", replace(around.set_up, **members))


def claim(**members: Any) -> Plant:
    def plant(around: Surroundings) -> None:
        assert around.claims is not None
        around.claims = around.claims._replace(**members)

    return plant


def queue(name: str, **members: Any) -> Plant:
    return lambda around: around.queues.set(name, **members)


def step(message: str, **columns: Any) -> Plant:
    def plant(around: Surroundings) -> None:
        rows = around.registry.rows[Kind.STEP].values()
        next(row for row in rows if f" {message} of " in row["name"]).update(columns)

    return plant


def endpoint(**columns: Any) -> Plant:
    def plant(around: Surroundings) -> None:
        (row,) = around.registry.rows[Kind.ENDPOINT].values()
        row.update(columns)

    return plant


def lost_step(around: Surroundings) -> None:
    rows = around.registry.rows[Kind.STEP]
    del rows[next(row_id for row_id, row in rows.items() if " Delete of " in row["name"])]


def strange_step(around: Surroundings) -> None:
    rows = around.registry.rows[Kind.STEP]
    rows[UUID(int=7)] = {**next(iter(rows.values())), "name": "Contoso: all accounts"}


def second_endpoint(around: Surroundings) -> None:
    rows = around.registry.rows[Kind.ENDPOINT]
    rows[UUID(int=7)] = dict(next(iter(rows.values())))


def fault(name: str, found: Fault) -> Plant:
    return lambda around: around.faults.update({name: found})


def table(name: str, found: Fault) -> Plant:
    return lambda around: around.tables.faults.update({name: found})


def member(name: str, value: Any) -> Plant:
    return lambda around: setattr(around, name, value)


def away(seconds: float) -> Callable[[datetime], datetime]:
    return lambda now: now + timedelta(seconds=seconds)


def erp(found: Fault) -> Plant:
    return lambda around: setattr(around.erp, "trouble", found)


def organization(**members: Any) -> Plant:
    return lambda around: [setattr(around.organization, name, value) for name, value in members.items()]


SALES_403 = NotPermitted(System.DATAVERSE, "answered 403.", "Ask for the right.")
TABLE_404 = ConfigurationFault(System.TABLES, "answered 404 TableNotFound.", "Make it.")
TABLE_403 = ConfigurationFault(System.TABLES, "answered 403 AuthorizationPermissionMismatch.", "Ask.")
BUS_403 = NotPermitted(System.SERVICE_BUS, "refuses to tell its counts.", "Get the role.")
NO_TOKEN = ConfigurationFault(System.DATAVERSE, "no token was issued.", "Check the app's identity.")
ERP_401 = ConfigurationFault(System.OPERATIONS, "refuses the app's token (401).", "Register the app there.")
OTHER_ERP = ConfigurationFault(System.OPERATIONS, "is another.", "Use `accountsync adopt-target`.")
ELSEWHERE_ENDED, SALES_CLOCK = "messages that ended elsewhere", "clock of dataverse"
NO_LOCKS = {"deadline": 90_000, "longest_run": None}

# What is planted, the check that finds it, its grade, and a part of the remedy.
PLANTED: dict[str, tuple[Plant, str, Grade, str]] = {
    # settings
    "the stand's token in Azure": (
        setting(credential="local", addresses=(SALES,)),
        "setting CREDENTIAL",
        Grade.ERROR,
        "managed-identity",
    ),
    "a developer's sign-in in the app": (
        setting(credential="default"),
        "setting CREDENTIAL",
        Grade.WARNING,
        "managed-identity",
    ),
    "no build id": (setting(build="local"), "setting BUILD_ID", Grade.WARNING, "infra/package.py"),
    "no health key": (setting(has_health_key=False), "setting HEALTH_KEY", Grade.WARNING, "key vault"),
    "no ceiling of creates": (
        setting(max_creates=0),
        "setting MAX_CREATES_PER_HOUR",
        Grade.WARNING,
        "Set MAX_CREATES_PER_HOUR",
    ),
    "no ceiling of blocks": (
        setting(max_blocks=0),
        "setting MAX_BLOCKS_PER_HOUR",
        Grade.WARNING,
        "Set MAX_BLOCKS_PER_HOUR",
    ),
    "a first wait above the cap": (
        setting(retry=(1000, 900)),
        "setting RETRY_FIRST_SECONDS",
        Grade.WARNING,
        "below the cap",
    ),
    "a breaker's first wait above its cap": (
        setting(breaker=(301, 300)),
        "setting BREAKER_FIRST_SECONDS",
        Grade.WARNING,
        "below the cap",
    ),
    "a request that takes longer than expected": (
        setting(longest_request=60),
        "setting LONGEST_REQUEST_SECONDS",
        Grade.WARNING,
        "Take LONGEST_REQUEST_SECONDS out",
    ),
    "a request that is waited for too long": (
        setting(longest_request=7200),
        "setting LONGEST_REQUEST_SECONDS",
        Grade.WARNING,
        "Take LONGEST_REQUEST_SECONDS out",
    ),
    "a transaction that takes longer than expected": (
        setting(transaction_margin=10),
        "setting TRANSACTION_MARGIN_SECONDS",
        Grade.WARNING,
        "to 300",
    ),
    "a deadline too short for one request": (
        setting(deadline=20),
        "setting INVOCATION_DEADLINE_SECONDS",
        Grade.WARNING,
        "to 120",
    ),
    "a deadline after the host's": (
        setting(deadline=590),
        "setting INVOCATION_DEADLINE_SECONDS",
        Grade.ERROR,
        "to 120",
    ),
    "a deadline after the end of the lock": (
        setting(**NO_LOCKS),
        "setting INVOCATION_DEADLINE_SECONDS",
        Grade.ERROR,
        "to 120",
    ),
    "nothing to write back": (
        setting(written_back=False),
        "setting WRITE_BACK_CUSTOMER_ACCOUNT",
        Grade.WARNING,
        "number_column",
    ),
    "write-backs that are events": (
        setting(has_integration_user=False),
        "setting INTEGRATION_USER_ID",
        Grade.WARNING,
        "systemuserid",
    ),
    # tokens
    "no token": (fault("token", NO_TOKEN), "token for dataverse", Grade.ERROR, "the app's identity"),
    "a token for another system": (
        claim(audience="https://graph.microsoft.com"),
        "token for dataverse",
        Grade.ERROR,
        "the scope",
    ),
    "a token of another tenant": (
        claim(tenant="another"),
        "token for dataverse",
        Grade.ERROR,
        "the tenant id",
    ),
    "a token of another identity": (
        claim(application="another"),
        "token for dataverse",
        Grade.ERROR,
        "the client id",
    ),
    "a token that has ended": (
        claim(expires_at=FakeClock().now()),
        "token for dataverse",
        Grade.ERROR,
        "Set the clock",
    ),
    "a token that cannot be read": (
        member("claims", None),
        "token for dataverse",
        Grade.NOT_CHECKED,
        "there is nothing to do",
    ),
    # tables
    "a table is missing": (
        table("Issues", TABLE_404),
        "table Issues",
        Grade.ERROR,
        "Create the table Issues",
    ),
    "a table may not be read": (
        table("AccountSync", TABLE_403),
        "table AccountSync",
        Grade.ERROR,
        "Storage Table Data Contributor",
    ),
    "no row may be written": (
        table("writing", TABLE_403),
        "writing to table Control",
        Grade.ERROR,
        "Storage Table Data Contributor",
    ),
    "the tables' clock is ahead": (
        lambda around: setattr(around.tables, "apart", timedelta(seconds=90)),
        "clock of tables",
        Grade.ERROR,
        "time server",
    ),
    # queues
    "a queue is missing": (
        lambda around: around.queues.queues.pop("rejected-events"),
        "queue rejected-events",
        Grade.ERROR,
        "Deploy",
    ),
    "a queue is disabled": (
        queue("dataverse-events", enabled=False),
        "queue dataverse-events",
        Grade.ERROR,
        "Enable it",
    ),
    "no sessions": (
        queue("account-changes", requires_session=False),
        "queue account-changes",
        Grade.ERROR,
        "delete the queue",
    ),
    "sessions where Dataverse posts": (
        queue("dataverse-events", requires_session=True),
        "queue dataverse-events",
        Grade.ERROR,
        "delete the queue",
    ),
    "no duplicate detection": (
        queue("account-changes", requires_duplicate_detection=False),
        "queue account-changes",
        Grade.ERROR,
        "delete the queue",
    ),
    "duplicates are detected too shortly": (
        queue("account-changes", duplicate_window=timedelta(seconds=30)),
        "queue account-changes",
        Grade.ERROR,
        "Deploy",
    ),
    "expired messages are lost": (
        queue("account-changes", dead_letters_on_expiration=False),
        "queue account-changes",
        Grade.ERROR,
        "Deploy",
    ),
    "a short lock": (
        queue("account-changes", lock=timedelta(seconds=5)),
        "queue account-changes",
        Grade.WARNING,
        "Deploy",
    ),
    "few deliveries": (
        queue("dataverse-events", max_delivery_count=10),
        "queue dataverse-events",
        Grade.WARNING,
        "Deploy",
    ),
    "a short life": (
        queue("rejected-events", time_to_live=timedelta(hours=1)),
        "queue rejected-events",
        Grade.WARNING,
        "Deploy",
    ),
    "a queue's properties may not be read": (
        lambda around: around.queues.queues.update({"account-changes": BUS_403}),
        "queue account-changes",
        Grade.NOT_CHECKED,
        "Get the right.",
    ),
    "no right to send": (
        fault("send rejected-events", BUS_403),
        "sending to rejected-events",
        Grade.ERROR,
        "Data Sender on rejected-events",
    ),
    "no right to receive": (
        fault("receive dataverse-events", BUS_403),
        "receiving from dataverse-events",
        Grade.ERROR,
        "Data Receiver on dataverse-events",
    ),
    "the bus is away": (
        fault("send account-changes", QueueUnavailable("no answer")),
        "sending to account-changes",
        Grade.NOT_CHECKED,
        "accountsync status",
    ),
    # Sales
    "no right to accounts": (
        fault("accounts", SALES_403),
        "reading accounts in Sales",
        Grade.ERROR,
        "may read accounts",
    ),
    "no right to currencies": (
        fault("currencies", SALES_403),
        "reading currencies in Sales",
        Grade.ERROR,
        "may read currencies",
    ),
    "another organization": (
        member("organization_id", ELSEWHERE),
        "organization id",
        Grade.ERROR,
        f"Set DATAVERSE_ORGANIZATION_ID to {ORGANIZATION}",
    ),
    "no organization": (
        member("organization_id", None),
        "organization id",
        Grade.WARNING,
        f"Set DATAVERSE_ORGANIZATION_ID to {ORGANIZATION}",
    ),
    "another integration user": (
        member("user_id", ELSEWHERE),
        "integration user",
        Grade.ERROR,
        f"Set INTEGRATION_USER_ID to {USER}",
    ),
    "change tracking is off": (
        organization(tracked=False),
        "change tracking",
        Grade.WARNING,
        "Track changes",
    ),
    "change tracking is not told": (
        organization(tracked=None),
        "change tracking",
        Grade.NOT_CHECKED,
        "Track changes",
    ),
    "a write-back column that is read-only": (
        organization(column=False),
        "write-back column",
        Grade.ERROR,
        "number_column",
    ),
    "no write-back column": (organization(column=None), "write-back column", Grade.ERROR, "number_column"),
    # registration
    "a step is missing": (lost_step, "Account Sync (queue)", Grade.ERROR, "`accountsync register`"),
    "a step is disabled": (
        step("Update", statecode=1, statuscode=2),
        "Account Sync: Update of account (queue)",
        Grade.ERROR,
        "`accountsync register`",
    ),
    "a step is synchronous": (
        step("Create", mode=0),
        "Account Sync: Create of account (queue)",
        Grade.ERROR,
        "`accountsync register`",
    ),
    "a column is not posted": (
        step("Update", filteringattributes="name"),
        "Account Sync: Update of account (queue)",
        Grade.ERROR,
        "`accountsync register`",
    ),
    "every column is posted": (
        step("Update", filteringattributes=""),
        "Account Sync: Update of account (queue)",
        Grade.WARNING,
        "`accountsync register`",
    ),
    "jobs are kept": (
        step("Delete", asyncautodelete=False),
        "Account Sync: Delete of account (queue)",
        Grade.WARNING,
        "`accountsync register`",
    ),
    "another address": (
        endpoint(namespaceaddress="sb://fabrikam.servicebus.windows.net/"),
        "Account Sync (queue)",
        Grade.ERROR,
        "`accountsync register`",
    ),
    "another queue": (endpoint(path="other"), "Account Sync (queue)", Grade.ERROR, "`accountsync register`"),
    "another format": (
        endpoint(messageformat=3),
        "Account Sync (queue)",
        Grade.ERROR,
        "`accountsync register`",
    ),
    "no key": (endpoint(issaskeyset=False), "Account Sync (queue)", Grade.ERROR, "`accountsync register`"),
    "a step of somebody else": (strange_step, "Account Sync (queue)", Grade.WARNING, "by hand"),
    "an endpoint twice": (second_endpoint, "Account Sync (queue)", Grade.ERROR, "Delete all but one"),
    "failed posts": (
        lambda around: setattr(around.registry, "failed", 2),
        "Account Sync (queue)",
        Grade.WARNING,
        "System Jobs",
    ),
    "nothing is registered": (
        lambda around: around.registry.rows[Kind.ENDPOINT].clear(),
        "registration",
        Grade.WARNING,
        "`accountsync register`",
    ),
    # the ERP
    "another ERP": (fault("in use", OTHER_ERP), "ERP in use", Grade.ERROR, "adopt-target"),
    "the ERP refuses the token": (
        erp(ERP_401),
        "reaching Operations, currencies of Operations, customers of Operations",
        Grade.ERROR,
        "Register the app there.",
    ),
    "no right to customers": (
        lambda around: setattr(
            around.erp, "refuses", lambda *_: NotPermitted(System.OPERATIONS, "answered 403.", "Give it.")
        ),
        "customers of Operations",
        Grade.ERROR,
        "Give it.",
    ),
    "the ERP is away": (
        erp(TransientFault(System.OPERATIONS, "answered 503")),
        "reaching Operations, currencies of Operations, customers of Operations",
        Grade.NOT_CHECKED,
        "accountsync status",
    ),
    # clocks
    "a clock is behind": (
        member("sales_time", away(-20)),
        SALES_CLOCK,
        Grade.WARNING,
        "time server",
    ),
    "a clock is far ahead": (
        member("sales_time", away(61)),
        SALES_CLOCK,
        Grade.ERROR,
        "time server",
    ),
    "no time is told": (
        member("sales_time", lambda _: None),
        SALES_CLOCK,
        Grade.NOT_CHECKED,
        "proxy",
    ),
    # what is left over
    "dead letters": (
        member("dead_letters", 2),
        ELSEWHERE_ENDED,
        Grade.WARNING,
        "dead-letters",
    ),
    "rejected events": (
        member("rejected", 1),
        ELSEWHERE_ENDED,
        Grade.WARNING,
        "rejected list",
    ),
    "the counts may not be read": (
        fault("depths", BUS_403),
        ELSEWHERE_ENDED,
        Grade.NOT_CHECKED,
        "Get the role.",
    ),
}


@pytest.mark.parametrize(("plant", "check", "grade", "remedy"), PLANTED.values(), ids=PLANTED)
async def test_each_planted_fault_is_found_with_its_remedy_and_nothing_else(
    plant: Plant, check: str, grade: Grade, remedy: str
) -> None:
    around = Surroundings()
    await around.register()
    plant(around)
    (found,) = await around.findings()
    assert (found.check, found.grade) == (check, grade)
    assert remedy in found.remedy
    assert found.what
    assert found.why
    assert not re.search(r"\d\d:\d\d(?!:| UTC)", found.what)  # by "UTC" the page knows a moment


async def test_both_ways_of_posting_are_an_error() -> None:
    around = Surroundings()
    await around.register()
    registration = Registration(around.registry, WATCHED)
    await registration.apply(await registration.plan(WEBHOOK), SecretStr("key"))
    (found,) = await around.findings()
    assert found.grade is Grade.ERROR
    assert "accountsync unregister" in found.remedy


@pytest.mark.parametrize("url", ["http://app.example.net/api/dataverse/events", "https://app.example.net/x"])
async def test_a_webhook_is_posted_to_the_function_over_https(url: str) -> None:
    around = Surroundings()
    registration = Registration(around.registry, WATCHED)
    await registration.apply(await registration.plan(webhook_endpoint(url)), SecretStr("key"))
    (found,) = await around.findings()
    assert (found.check, found.grade) == ("Account Sync (webhook)", Grade.ERROR)
    assert "--webhook --url" in found.remedy


async def test_where_sales_refuses_the_token_it_is_told_once_for_all_checks() -> None:
    around = Surroundings()
    await around.register()
    refused = ConfigurationFault(System.DATAVERSE, "refuses the app's token (401).", "Register it.")
    around.faults |= {"accounts": refused, "currencies": refused}
    around.organization.fault = refused
    (found,) = await around.findings()
    assert found.grade is Grade.ERROR
    assert found.check == (
        "reading accounts in Sales, reading currencies in Sales, identity, tracking, write-back"
    )


async def test_what_the_app_may_not_read_of_the_registration_is_not_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refused(*_: object) -> None:
        raise SALES_403

    around = Surroundings()
    monkeypatch.setattr(FakeRegistry, "endpoints", refused)
    (found,) = await around.findings()
    assert (found.check, found.grade) == ("registration", Grade.NOT_CHECKED)
    assert "`accountsync doctor`" in found.remedy


async def test_a_person_is_not_compared_with_the_integration_user() -> None:
    check = IdentityCheck(FakeOrganization(ORGANIZATION), ORGANIZATION, ELSEWHERE, as_app=False)
    (found,) = await check.check()
    assert (found.check, found.grade) == ("organization id", Grade.FINE)
