"""Settings that are wrong, and settings that are allowed but doubtful."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from shared.model.finding import Finding, Grade

_HERE = {"127.0.0.1", "localhost", "::1"}
_LONGEST_TRANSACTION = 120  # learn.microsoft.com/power-apps/developer/data-platform/analyze-performance
_ONE_REQUEST = 60  # seconds: a request of 30 s, and its answer to be recorded
_LONG = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUp:
    """The settings to judge. `erp_longest` is how long a request to this ERP may take effect by default;
    `longest_run` and `longest_lock` are the host's limits in seconds, None if host.json is not there."""

    in_app: bool
    credential: str
    addresses: tuple[str, ...]
    build: str
    has_health_key: bool
    max_creates: int
    max_blocks: int
    retry: tuple[float, float]
    breaker: tuple[float, float]
    longest_request: float
    erp_longest: float
    transaction_margin: float
    deadline: float
    queue_wait: float
    write_back: bool
    written_back: bool
    has_integration_user: bool
    longest_run: float | None = None
    longest_lock: float | None = None

    @property
    def local(self) -> bool:
        """Whether this is the local stand."""
        return self.credential == "local"


@dataclass(frozen=True, slots=True)
class SettingsCheck:
    """Judges the settings that the process has read."""

    set_up: SetUp

    async def check(self) -> Sequence[Finding]:
        """Return what is doubtful, or one finding that all is well."""
        found = [*_credential(self.set_up), *_ceilings(self.set_up), *_times(self.set_up)]
        found += [*_host(self.set_up), *_write_back(self.set_up)]
        return found or [Finding("settings", Grade.FINE, "All are there, and none is doubtful.")]


def wrong_settings(problems: Sequence[str]) -> list[Finding]:
    """Make findings of settings that cannot be used. Each problem begins with the setting's name."""
    return [
        Finding(
            f"setting {name}",
            Grade.ERROR,
            what.strip() or problem,
            "The app does not start with it.",
            "Correct it in the app's settings (in Azure by the parameters of the deployment).",
        )
        for problem in problems
        for name, _, what in [problem.partition(":")]
    ]


def _credential(of: SetUp) -> Iterator[Finding]:
    away = sorted(
        {host for url in of.addresses if (host := urlsplit(url).hostname or "") not in _HERE | {""}}
    )
    if of.local and away:
        what = f"CREDENTIAL is local, but {', '.join(away)} is no address of this machine."
        yield _error("CREDENTIAL", what, "The stand's token is worth nothing there.", "managed-identity")
    if of.in_app and of.credential == "default":
        what = "CREDENTIAL is default, which is for a developer's own sign-in."
        why = "The app may sign in as somebody else than its own identity."
        yield _warning("CREDENTIAL", what, why, "Set CREDENTIAL to managed-identity.")
    if of.in_app and not of.local and of.build == "local":
        what = "The package has no build id."
        why = "A new version cannot be told from the one before."
        yield _warning("BUILD_ID", what, why, "Build the package with `python3 infra/package.py BUILD_ID`.")
    if not of.has_health_key:
        what = "HEALTH_KEY is not set."
        why = "The smoke test of a deployment cannot ask what each system answers."
        yield _warning("HEALTH_KEY", what, why, "Set it; the deployment puts one into the key vault.")


def _ceilings(of: SetUp) -> Iterator[Finding]:
    for name, ceiling, done in (
        ("MAX_CREATES_PER_HOUR", of.max_creates, "creates"),
        ("MAX_BLOCKS_PER_HOUR", of.max_blocks, "blocks"),
    ):
        if not ceiling:
            why = f"A bulk change gone wrong {done} customers without a limit."
            remedy = f"Set {name} to a little more than a busy hour needs."
            yield _warning(name, "It is 0: there is no ceiling.", why, remedy)


def _times(of: SetUp) -> Iterator[Finding]:
    for name, (first, cap) in (("RETRY", of.retry), ("BREAKER", of.breaker)):
        if first > cap:
            what = f"{name}_FIRST_SECONDS is {first:.0f}, more than {name}_CAP_SECONDS, which is {cap:.0f}."
            why = "The first wait is the longest one; waits do not grow."
            yield _warning(f"{name}_FIRST_SECONDS", what, why, f"Set {name}_FIRST_SECONDS below the cap.")
    if of.longest_request < of.erp_longest and not of.local:
        what = f"LONGEST_REQUEST_SECONDS is {of.longest_request:.0f}; this ERP needs {of.erp_longest:.0f}."
        why = "A request whose answer was lost may still take effect after the app has stopped to expect it."
        yield _warning("LONGEST_REQUEST_SECONDS", what, why, "Take LONGEST_REQUEST_SECONDS out.")
    if of.longest_request > _LONG:
        what = f"LONGEST_REQUEST_SECONDS is {of.longest_request:.0f}, more than an hour."
        why = "After a lost answer an account waits that long for its verifying check."
        yield _warning("LONGEST_REQUEST_SECONDS", what, why, "Take LONGEST_REQUEST_SECONDS out.")
    if of.transaction_margin < _LONGEST_TRANSACTION and not of.local:
        what = f"TRANSACTION_MARGIN_SECONDS is {of.transaction_margin:.0f}."
        why = f"A save in Sales may take {_LONGEST_TRANSACTION} s; a later read may still miss it."
        yield _warning("TRANSACTION_MARGIN_SECONDS", what, why, "Set TRANSACTION_MARGIN_SECONDS to 300.")


def _host(of: SetUp) -> Iterator[Finding]:
    name, longest = "INVOCATION_DEADLINE_SECONDS", of.deadline + of.queue_wait
    what = f"{name} is {of.deadline:.0f}, and QUEUE_WAIT_SECONDS {of.queue_wait:.0f}"
    if of.deadline < _ONE_REQUEST:
        why = "One slow request takes 30 s; its result could not be recorded in time."
        yield _warning(name, f"{name} is {of.deadline:.0f}.", why, f"Set {name} to 120.")
    if of.longest_run is not None and longest >= of.longest_run:
        found = f"{what}: together more than functionTimeout of host.json ({of.longest_run:.0f})."
        why = "The host ends the whole process, with all the work in it."
        yield Finding(f"setting {name}", Grade.ERROR, found, why, f"Set {name} to 120.")
    if of.longest_lock is not None and longest >= of.longest_lock:
        found = f"{what}: together more than maxAutoLockRenewalDuration of host.json ({of.longest_lock:.0f})."
        why = "The message's lock ends while it is worked on, and it is delivered twice."
        yield Finding(f"setting {name}", Grade.ERROR, found, why, f"Set {name} to 120.")


def _write_back(of: SetUp) -> Iterator[Finding]:
    if of.write_back and not of.written_back:
        what = "WRITE_BACK_CUSTOMER_ACCOUNT is on, but the field map names no column for the number."
        remedy = "Name number_column in the field map, or switch WRITE_BACK_CUSTOMER_ACCOUNT off."
        yield _warning("WRITE_BACK_CUSTOMER_ACCOUNT", what, "Nothing is written back.", remedy)
    if of.write_back and of.written_back and not of.has_integration_user:
        what = "WRITE_BACK_CUSTOMER_ACCOUNT is on, but INTEGRATION_USER_ID is not set."
        why = "Each write-back is an event that the app has to check again."
        remedy = "Set INTEGRATION_USER_ID to the systemuserid of the app's user in Sales."
        yield _warning("INTEGRATION_USER_ID", what, why, remedy)


def _warning(name: str, what: str, why: str, remedy: str) -> Finding:
    return Finding(f"setting {name}", Grade.WARNING, what, why, remedy)


def _error(name: str, what: str, why: str, value: str) -> Finding:
    return Finding(f"setting {name}", Grade.ERROR, what, why, f"Set {name} to {value}.")
