"""The tables of event registration: service endpoints, messages, steps and system jobs.

Columns and lengths as documented (learn.microsoft.com/power-apps/developer/data-platform/reference/entities/
serviceendpoint, .../sdkmessageprocessingstep, .../asyncoperation). The secrets of an endpoint are write-only;
`issaskeyset` and `isauthvalueset` tell whether there is one.
"""

from local.dynamics.dataverse.schema import Column, Table, choice, flag, lookup, memo, table, text, whole

CONTRACTS = {
    1: "OneWay",
    2: "Queue",
    3: "Rest",
    4: "TwoWay",
    5: "Topic",
    6: "Queue (Persistent)",
    7: "Event Hub",
    8: "Webhook",
    9: "Event Grid",
    10: "Managed Data Lake",
}
AUTH_TYPES = {
    0: "Not Specified",
    1: "ACS",
    2: "SAS Key",
    3: "SAS Token",
    4: "Webhook Key",
    5: "Http Header",
    6: "Http Query String",
    7: "Connection String",
    8: "Access Key",
}
STAGES = {
    5: "Initial Pre-operation",
    10: "Pre-validation",
    20: "Pre-operation",
    30: "Main Operation",
    40: "Post-operation",
    50: "Post-operation (Deprecated)",
}
JOB_STATES = {0: "Ready", 1: "Suspended", 2: "Locked", 3: "Completed"}
JOB_STATUS = {
    0: "Waiting For Resources",
    10: "Waiting",
    20: "In Progress",
    21: "Pausing",
    22: "Canceling",
    30: "Succeeded",
    31: "Failed",
    32: "Canceled",
}


def registration_tables() -> list[Table]:
    """All tables that registration reads and writes."""
    message = [text("name", 256), flag("isprivate"), whole("autotransact")]
    return [
        table("serviceendpoint", "serviceendpoints", "name", _endpoint(), type_code=4618),
        table("sdkmessage", "sdkmessages", "name", message, type_code=4606),
        table("sdkmessagefilter", "sdkmessagefilters", "name", _filter(), type_code=4607),
        table("sdkmessageprocessingstep", "sdkmessageprocessingsteps", "name", _step(), type_code=4608),
        _jobs(),
    ]


def _endpoint() -> list[Column]:
    return [
        text("name", 100, required=True),
        memo("description", 100_000),
        choice("contract", CONTRACTS),
        choice("authtype", AUTH_TYPES),
        choice("connectionmode", {1: "Normal", 2: "Federated"}, default=1),
        choice("messageformat", {1: "Binary XML", 2: "Json", 3: "Text XML"}, default=1),
        choice("messagecharset", {0: "Default", 1: "UTF8"}, default=0),
        choice("namespaceformat", {1: "Namespace Name", 2: "Namespace Address"}),
        choice("userclaim", {1: "None", 2: "User Id", 3: "User Info"}, default=1),
        text("solutionnamespace", 160),
        text("namespaceaddress", 255),
        text("path", 160),
        text("saskeyname", 256),
        text("saskey", 256, write_only=True),
        text("sastoken", 1024, write_only=True),
        text("url", 2000),
        memo("authvalue", 2048, write_only=True),
        Column("issaskeyset", "Boolean", options={0: "No", 1: "Yes"}, read_only=True),
        Column("isauthvalueset", "Boolean", options={0: "No", 1: "Yes"}, read_only=True),
    ]


def _filter() -> list[Column]:
    return [
        text("name", 256),
        text("primaryobjecttypecode", 64),
        text("secondaryobjecttypecode", 64),
        flag("iscustomprocessingstepallowed", default=True),
        lookup("sdkmessageid", "sdkmessage"),
    ]


def _step() -> list[Column]:
    return [
        text("name", 256, required=True),
        text("description", 256),
        choice("stage", STAGES),
        choice("mode", {0: "Synchronous", 1: "Asynchronous"}, default=0),
        whole("rank", 0, 2147483647, default=1),
        flag("asyncautodelete"),
        choice("supporteddeployment", {0: "Server Only", 1: "Client for Outlook Only", 2: "Both"}, default=0),
        memo("filteringattributes", 100_000),
        memo("configuration", 1_073_741_823),
        lookup("eventhandler", "serviceendpoint", "eventhandler_serviceendpoint"),
        lookup("sdkmessageid", "sdkmessage"),
        lookup("sdkmessagefilterid", "sdkmessagefilter"),
        Column("statecode", "State", options={0: "Enabled", 1: "Disabled"}, default=0),
    ]


def _jobs() -> Table:
    columns = [
        Column("statecode", "State", options=JOB_STATES, default=0),
        Column("statuscode", "Status", options=JOB_STATUS, default=0),
        text("name", 256),
        Column("operationtype", "Integer", default=1),
        text("messagename", 160),
        text("primaryentitytype", 64),
        text("friendlymessage", 2000),
        memo("message", 1_073_741_823),
        Column("errorcode", "Integer"),
        whole("retrycount", 0, 2147483647, default=0),
        Column("correlationid", "Uniqueidentifier"),
        Column("requestid", "Uniqueidentifier"),
        Column("startedon", "DateTime"),
        Column("completedon", "DateTime"),
        Column("postponeuntil", "DateTime"),
        lookup("regardingobjectid", "account", "regardingobjectid_account"),
        lookup("owningextensionid", "sdkmessageprocessingstep"),
    ]
    return table("asyncoperation", "asyncoperations", "name", columns, type_code=4700)
