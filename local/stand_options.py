"""What to start a local stand with, and where its parts are once it runs."""

import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local.erps.erp import Erp
from local.erps.operations import OPERATIONS
from local.ports import free_port

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where everything is: URLs, except the connection strings `servicebus` and `tables` and two secrets.

    `erp` is the address of the ERP as the app has it.
    """

    functions: str
    function_key: str
    servicebus: str
    tables: str
    dataverse: str
    erp: str
    token: str
    control: str
    servicebus_control: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Wanted ports; one that is 0 or taken is replaced by a free one."""

    functions: int = 0
    servicebus: int = 0
    tables: int = 0
    blobs: int = 0
    queues: int = 0
    dataverse: int = 0
    erp: int = 0
    control: int = 0
    servicebus_control: int = 0

    def free(self) -> "Ports":
        """The same ports, with a free one for each that is not given or not free."""
        return Ports(**{name: free_port(getattr(self, name)) for name in self.__dataclass_fields__})


@dataclass(frozen=True, slots=True, kw_only=True)
class StandOptions:
    """What to start: `erp` with everything else around it.

    `settings` override those of local.settings.json.example; `folder` keeps settings and logs (not given: a
    temporary one, removed at the end); `table_folder` keeps the tables' data (in memory if not given);
    `core_tools` runs the app with `func` instead of `local.host` (None: if it is on the PATH). With no
    hosts, somebody else runs the app, with the stand's settings and at `Addresses.functions`. `token` opens
    Dataverse and the ERP.
    """

    erp: Erp = OPERATIONS
    settings: Mapping[str, str] = field(default_factory=dict)
    ports: Ports = field(default_factory=Ports)
    broker_config: Path = ROOT / "local/servicebus/Config.json"
    hosts: int = 1
    app: Path = ROOT
    folder: Path | None = None
    table_folder: Path | None = None
    table_access_log: bool = False
    webhook: bool = True
    core_tools: bool | None = None
    token: str = field(default_factory=lambda: secrets.token_hex(24))
    function_key: str = field(default_factory=lambda: secrets.token_hex(24))

    def use_core_tools(self) -> bool:
        """Whether `func` runs the app."""
        return shutil.which("func") is not None if self.core_tools is None else self.core_tools
