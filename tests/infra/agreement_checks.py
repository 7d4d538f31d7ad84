"""Whether the app and infra/ agree on queues, tables, roles, locks and runtime; what one side lacks."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta

from pydantic import TypeAdapter

from shared.dataverse import endpoints
from shared.messaging.queues import SEND_SECONDS
from tests.infra.app import AppNeeds
from tests.infra.bicep import Value
from tests.infra.templates import Infra, properties

# Once the worker announces OpenTelemetry, the host drops its log lines, and the alerts count those lines.
WORKERS_OWN_TELEMETRY = {"PYTHON_ENABLE_OPENTELEMETRY", "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY"}

OWNER = "Azure Service Bus Data Owner"
RECEIVER = "Azure Service Bus Data Receiver"
SENDER = "Azure Service Bus Data Sender"
APP = "appPrincipalId"
OWNING = "appOwnsQueues || withConsole"  # the operator's page shows the counts too
KEY_READER = "Key Vault Secrets User"
TABLE = "Storage Table Data Contributor"
ROLE_IDS = {
    "Storage Blob Data Owner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    TABLE: "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
    OWNER: "090c5cfd-751d-490a-894a-3ce6f1109419",
    RECEIVER: "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0",
    SENDER: "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39",
    "Monitoring Metrics Publisher": "3913510d-42f4-4e42-8a64-420c390055eb",
    KEY_READER: "4633458b-17de-408a-b874-0445c86b69e6",
}


def every_queue_is_as_the_app_needs_it(infra: Infra, app: AppNeeds) -> Iterator[str]:
    """The queues by name, their properties as on the local broker, sessions as the triggers have them."""
    used = {trigger.queue for trigger in app.triggers} | app.senders
    yield from (f"the app uses the queue {name}, infra has none" for name in used - set(infra.queues))
    yield from (f"infra has the queue {name}, the app uses none" for name in set(infra.queues) - used)
    for name, declared in infra.queues.items():
        local = {key[0].lower() + key[1:]: value for key, value in app.broker.get(name, {}).items()}
        yield from (
            f"{name}: {key} is {declared.get(key)!r} in infra and {value!r} on the local broker"
            for key, value in local.items()
            if declared.get(key) != value
        )
        if not local:
            yield f"{name} is not in the local broker's Config.json"
    for trigger in app.triggers:
        if infra.queues.get(trigger.queue, {}).get("requiresSession") is not trigger.sessions:
            yield f"{trigger.queue}: requiresSession is not what its trigger has ({trigger.sessions})"
        for setting in ("fullyQualifiedNamespace", "credential", "clientId"):
            if f"{trigger.connection}__{setting}" not in infra.app_settings:
                yield f"{trigger.connection}__{setting} is not set, {trigger.queue}'s trigger needs it"


def changes_are_ordered_and_not_doubled(infra: Infra, app: AppNeeds) -> Iterator[str]:
    """What the app rests on: sessions, duplicate detection, a delivery count that is no retry policy."""
    wanted = {
        "requiresSession": True,
        "requiresDuplicateDetection": True,
        "duplicateDetectionHistoryTimeWindow": "PT10M",
        "maxDeliveryCount": 100,
        "deadLetteringOnMessageExpiration": True,
    }
    found = infra.queues.get("account-changes", {})
    for name, value in wanted.items():
        if found.get(name) != value:
            yield f"account-changes: {name} is {found.get(name)!r}, not {value!r}"


def every_table_is_declared(infra: Infra, app: AppNeeds) -> Iterator[str]:
    """The tables by name."""
    yield from (f"infra lacks the table {name}" for name in set(app.tables) - set(infra.tables))
    yield from (
        f"infra has the table {name}, the app does not" for name in set(infra.tables) - set(app.tables)
    )


def the_app_may_do_what_it_does_and_no_more(infra: Infra, app: AppNeeds) -> Iterator[str]:
    """The roles of the app's identity, each on one resource."""
    needed = {(RECEIVER, trigger.queue) for trigger in app.triggers}
    needed |= {(SENDER, queue) for queue in app.senders}
    needed |= {(TABLE, "each table"), ("Storage Blob Data Owner", "storage")}
    # How much waits in a queue is told to its owners only: a parameter, on unless somebody says no.
    if infra.main.params["appOwnsQueues"].value is True:
        needed |= {(OWNER, queue) for queue in {trigger.queue for trigger in app.triggers} | app.senders}
    settings = {name: str(value) for name, value in infra.app_settings.items()}
    if any("@Microsoft.KeyVault" in value for value in settings.values()):
        needed.add((KEY_READER, "vault"))
    if "Authorization=AAD" in settings.get("APPLICATIONINSIGHTS_AUTHENTICATION_STRING", ""):
        needed.add(("Monitoring Metrics Publisher", "insights"))
    granted = _granted(infra, APP)
    yield from (f"the app lacks {role} on {scope}" for role, scope in needed - granted)
    yield from (f"the app has {role} on {scope} and does not need it" for role, scope in granted - needed)
    for one in infra.module("access").resources:
        of_app = properties(one).get("principalId") == APP
        owns = of_app and properties(one)["roleDefinitionId"] == "busOwner"
        if owns != (of_app and one.condition.strip("()") == OWNING):
            yield f"{one.symbol} must depend on {OWNING} if it lets the app own a queue, and only then"


def the_deployer_may_ask_with_the_health_key(infra: Infra, app: AppNeeds) -> Iterator[str]:
    """The smoke test's key, and no other secret."""
    granted = _granted(infra, "deployerObjectId")
    if granted != {(KEY_READER, "health-key")}:
        yield f"whoever deploys has {sorted(granted)}, not {KEY_READER} on the health key alone"


def operators_may_operate_and_no_more(infra: Infra, app: AppNeeds) -> Iterator[str]:
    """`accountsync`: the tables, the keys; of the queues counts, which take the right to manage them."""
    needed = {(TABLE, "each table"), (KEY_READER, "vault"), *((OWNER, queue) for queue in infra.queues)}
    granted = _granted(infra, "operatorsGroupId")
    yield from (f"operators lack {role} on {scope}" for role, scope in needed - granted)
    yield from (f"operators have {role} on {scope} and do not need it" for role, scope in granted - needed)


def _granted(infra: Infra, principal: str) -> set[tuple[str, str]]:
    access = infra.module("access")
    scopes = {one.symbol: str(one.body["name"]) for one in access.resources if one.existing}
    roles = access.variables["roles"].value
    assert isinstance(roles, dict)
    granted: set[tuple[str, str]] = set()
    for one in access.resources:
        if one.existing or properties(one).get("principalId") != principal:
            continue
        definition = str(access.variables[str(properties(one)["roleDefinitionId"])].value)
        role = next((name for name in roles if f"roles['{name}']" in definition), definition)
        scope = str(one.body["scope"])
        queue = scopes.get(scope, "")
        known = "each table" if scope.startswith("tables[") else scope
        if queue in infra.queues or scope == "healthKey":
            known = queue
        granted.add((role, known))
    return granted


def role_ids_are_right(infra: Infra, app: AppNeeds) -> Iterator[str]:
    """The ids of the built-in roles, as learn.microsoft.com/azure/role-based-access-control lists them."""
    roles = infra.module("access").variables["roles"].value
    assert isinstance(roles, dict)
    for name, value in roles.items():
        if ROLE_IDS.get(name) != value:
            yield f"{value} is not the id of {name}"
    for one in infra.resources("Microsoft.Authorization/roleAssignments"):
        definition, name = str(properties(one)["roleDefinitionId"]), str(one.body["name"])
        # Of the app, its identity's resource id: the object id is not known before a deployment.
        principal = str(properties(one)["principalId"]).replace(APP, "identity.id")
        if definition not in name or principal not in name:
            yield f"{one.symbol}: its name does not follow from its principal and role"


def the_host_keeps_its_locks(infra: Infra, app: AppNeeds) -> Iterator[str]:
    """host.json against the queues and the time limits, under the parameters of each environment."""
    bus = app.bus
    sessions = int(bus["maxConcurrentSessions"])
    most = infra.main.params["syncPartitions"].decorators["maxValue"][0]
    if not isinstance(most, int) or most > sessions:
        yield f"syncPartitions may be {most}, host.json takes {sessions} sessions at once"
    if bus["prefetchCount"] != 0 or bus["autoCompleteMessages"] is not True:
        yield "host.json must not prefetch (locks run out unused) and must complete by itself"
    lock = min(_seconds(str(queue["lockDuration"])) for queue in infra.queues.values())
    if _clock(bus["sessionIdleTimeout"]) >= lock:
        yield "sessionIdleTimeout keeps idle sessions for as long as a lock"
    for path, given in infra.parameter_files.items():
        tuning = given.get("tuning")
        tuning = tuning if isinstance(tuning, dict) else {}
        deadline = _number(app, tuning, "INVOCATION_DEADLINE_SECONDS")
        wait = _number(app, tuning, "QUEUE_WAIT_SECONDS")
        margin = _number(app, tuning, "LEASE_MARGIN_SECONDS")
        longest = deadline + margin + wait + SEND_SECONDS
        if longest > _clock(app.host["functionTimeout"]):
            yield f"{path}: an invocation may take {longest:.0f} s, longer than functionTimeout"
        if longest > _clock(bus["maxAutoLockRenewalDuration"]):
            yield f"{path}: an invocation may take {longest:.0f} s, locks are not renewed for so long"
        if wait + SEND_SECONDS > lock:
            yield f"{path}: the wait before giving back is longer than a lock of {lock:.0f} s"
        window = _seconds(str(infra.queues["account-changes"]["duplicateDetectionHistoryTimeWindow"]))
        if 2 * _number(app, tuning, "SETTLE_SECONDS") > window:
            yield f"{path}: looks after a burst come later than duplicates are noticed"


def _number(app: AppNeeds, tuning: Mapping[str, Value], name: str) -> float:
    return float(str(tuning.get(name, app.settings[name])))


def _seconds(iso: str) -> float:
    """An ISO 8601 duration."""
    return TypeAdapter(timedelta).validate_python(iso).total_seconds()


def _clock(text: str) -> float:
    """[days.]hh:mm:ss, as host.json has it."""
    days, _, rest = text.rpartition(".")
    hours, minutes, seconds = map(float, rest.split(":"))
    return float(days or 0) * 86400 + hours * 3600 + minutes * 60 + seconds


def the_runtime_is_the_same(infra: Infra, app: AppNeeds) -> Iterator[str]:
    """The Python version, the functions that are kept warm, the worker's own telemetry switched off."""
    (site,) = infra.resources("Microsoft.Web/sites")
    config = properties(site)["functionAppConfig"]
    assert isinstance(config, dict)
    if config["runtime"] != {"name": "python", "version": "3.13"}:
        yield f"the runtime is {config['runtime']}, the app is for Python 3.13"
    warm = re.findall(r"name: 'function:(\w+)'", infra.texts["modules/function_app.bicep"])
    yield from (f"{name} is kept warm and is no function" for name in set(warm) - app.functions)
    on = WORKERS_OWN_TELEMETRY & (set(infra.app_settings) | infra.tuning | set(app.settings))
    yield from (f"{name} makes the host drop the app's log lines" for name in sorted(on))
    if "FUNCTIONS_WORKER_RUNTIME" in infra.app_settings:
        yield "FUNCTIONS_WORKER_RUNTIME is not allowed on Flex Consumption"


def what_is_registered_is_there(infra: Infra, app: AppNeeds) -> Iterator[str]:
    """The queue, the rule and the address that `accountsync register` gives to Dataverse."""
    rules = infra.resources("Microsoft.ServiceBus/namespaces/queues/authorizationRules")
    queues = {one.symbol: str(one.body["name"]) for one in infra.module("service_bus").resources}
    offered = {(queues[str(rule.body["parent"])], rule.body["name"]) for rule in rules}
    if (endpoints.EVENTS_QUEUE, endpoints.SEND_RULE) not in offered:
        yield f"Dataverse is told of {endpoints.SEND_RULE}, infra has {offered}"
    prefix = app.host["extensions"]["http"]["routePrefix"]
    if endpoints.WEBHOOK_PATH not in {f"/{prefix}/{route}" for route in app.routes}:
        yield f"Dataverse is told of {endpoints.WEBHOOK_PATH}, the app has {sorted(app.routes)}"


AGREEMENT_CHECKS = (
    what_is_registered_is_there,
    every_queue_is_as_the_app_needs_it,
    changes_are_ordered_and_not_doubled,
    every_table_is_declared,
    the_app_may_do_what_it_does_and_no_more,
    operators_may_operate_and_no_more,
    the_deployer_may_ask_with_the_health_key,
    role_ids_are_right,
    the_host_keeps_its_locks,
    the_runtime_is_the_same,
)
