"""System jobs as rows of `asyncoperation`: a job's progress enters, the row that an administrator sees
leaves.

learn.microsoft.com/power-apps/developer/data-platform/reference/entities/asyncoperation: a job that waits has
status 10, one that failed 31; a job that succeeded is removed where its step says `asyncautodelete`.
"""

from dataclasses import dataclass
from typing import Any

from local.dynamics.dataverse.store import Origin, Store
from local.dynamics.events.jobs import Job

READY, SUSPENDED, LOCKED, COMPLETED = 0, 1, 2, 3
STATUS = {"held": (READY, 0), "waiting": (SUSPENDED, 10), "posting": (LOCKED, 20)}
STATUS |= {"posted": (COMPLETED, 30), "failed": (COMPLETED, 31)}


@dataclass(frozen=True, slots=True)
class JobLog:
    """Writes the rows of registered steps' jobs; hand-made messages have none."""

    store: Store

    def record(self, job: Job) -> None:
        """Bring the row of a job up to date."""
        if job.step_id is None or job.repeat_of is not None:
            return
        table = self.store.tables["asyncoperation"]
        row = self.store.rows(table.name).get(job.operation_id)
        with self.store.transaction():
            if row is None:
                self.store.create(table, {**self._first(job), **_progress(job)}, Origin())
            elif job.state == "posted" and job.auto_delete:
                self.store.delete(table, row, Origin())
            else:
                self.store.update(table, row, _progress(job), Origin())

    def _first(self, job: Job) -> dict[str, Any]:
        step = self.store.rows("sdkmessageprocessingstep").get(job.step_id or "")
        return {
            "asyncoperationid": job.operation_id,
            "name": step.get("name") if step else None,
            "messagename": job.message_name,
            "primaryentitytype": job.table,
            "regardingobjectid": job.account_id,
            "owningextensionid": job.step_id,
        }


def _progress(job: Job) -> dict[str, Any]:
    state, status = STATUS[job.state]
    outcome = job.outcome
    said = (
        [] if outcome is None else [outcome.error or "", f"status {outcome.status}" if outcome.status else ""]
    )
    return {
        "statecode": state,
        "statuscode": status,
        "retrycount": max(job.tries - 1, 0),
        "friendlymessage": " ".join(filter(None, said))[:2000] or None,
    }
