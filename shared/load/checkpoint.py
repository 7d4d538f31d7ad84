"""Moves the checkpoint of a reconcile run on, page by page. Pure."""

from collections import Counter
from dataclasses import replace
from datetime import datetime

from shared.model.reconciliation import Compared, Part, Reconciliation, RunState


def comes_round(run: Reconciliation, page: Compared) -> bool:
    """Whether the page has the row where an earlier page of the walk ended."""
    return bool(run.passed) and run.passed in page.keys


def counted(run: Reconciliation, page: Compared, kept: int) -> Reconciliation:
    """Add what the page found; `kept`: how many of its differences were kept."""
    companies = {company.casefold(): company for company in (*page.companies, *run.companies)}
    found = Counter(run.found) + Counter(str(difference.kind) for difference in page.differences)
    return replace(
        run,
        companies=tuple(companies.values()) if page.companies else run.companies,
        accounts=run.accounts + page.accounts,
        customers=run.customers + page.customers,
        not_ours=run.not_ours + page.not_ours,
        in_work=run.in_work + page.in_work,
        to_link=run.to_link + page.to_link,
        found=dict(found),
        kept=run.kept + kept,
    )


def advanced(run: Reconciliation, page: Compared, now: datetime) -> Reconciliation:
    """Return the checkpoint after the page: the next page, the next walk, or the end.

    `passed` follows at powers of two (Brent), so a walk that comes round is noticed wherever it does.
    """
    run = replace(run, page=run.page + 1, changed_at=now, failures=0, reason="")
    if page.after:
        steps = run.steps + 1
        passed = page.after if steps & (steps - 1) == 0 else run.passed
        return replace(run, after=page.after, steps=steps, passed=passed)
    if run.part is Part.ACCOUNTS:
        run, company = replace(run, part=Part.CUSTOMERS), 0
    else:
        company = run.company + 1
    state = RunState.RUNNING if company < len(run.companies) else RunState.DONE
    return replace(run, company=company, after="", passed="", steps=0, state=state)
