"""One page of reconcile: some accounts with their customers, or some customers with their accounts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from shared.load.compare import Candidate, Compare, Known, Verdict, each
from shared.model.customer import Customer
from shared.model.reconciliation import Compared
from shared.ports import Target
from shared.ports.reconciling import AccountRows


@dataclass(frozen=True, slots=True)
class ComparePages:
    """Compares one page of at most `size` rows. If the time is too short for all, the page ends earlier."""

    compare: Compare
    rows: AccountRows
    target: Target
    size: int

    async def accounts(self, after: str) -> Compared:
        """Compare the accounts of a higher version than this with their customers."""
        rows = await self.rows.after(after, self.size)
        await self.compare.decide.in_use.compare()
        candidates = await self.compare.candidates(rows)
        verdicts = await self._verdicts(candidates, await self.compare.customers_of(candidates))
        done = candidates[: len(verdicts)]
        linked = [one.stored.state.customer for one in done if one.stored and one.stored.state.customer]
        versions = [str(row.account.version) for row in rows[: len(done)]]
        page = Compared(
            after=versions[-1] if versions else "",
            keys=tuple(versions),
            accounts=len(done),
            companies=frozenset(customer.company for customer in linked),
        )
        return _with(page, verdicts)

    async def customers(self, company: str, after: str) -> Compared:
        """Compare the company's customers after this number with the accounts that own them."""
        page = await self.target.customers_after(company, after, self.size)
        await self.compare.decide.in_use.compare()
        owners = await each(page.rows, lambda customer: self.compare.owners.owner(customer.key))
        candidates = await self._gone(page.rows, owners)
        known = Known({customer.key.folded: customer for customer in page.rows}, (), self.target)
        verdicts = await self._verdicts(candidates, known)
        done = page.rows[: len(verdicts)]
        compared = Compared(
            after=page.after if len(done) == len(page.rows) else done[-1].key.number,
            keys=tuple(customer.key.number for customer in done),
            customers=len(done),
            not_ours=owners[: len(done)].count(None),
        )
        return _with(compared, verdicts)

    async def _gone(
        self, customers: Sequence[Customer], owners: Sequence[UUID | None]
    ) -> list[Candidate | None]:
        """Return the accounts that own these customers and that Sales does not have; None for all others."""
        owned = {owner for owner in owners if owner is not None}
        gone = owned - await self.rows.existing(owned)
        stored = await each([owner if owner in gone else None for owner in owners], self.compare.state)
        return [
            Candidate(owner, None, None, state, owner) if owner in gone and owner else None
            for owner, state in zip(owners, stored, strict=True)
        ]

    async def _verdicts(self, candidates: Sequence[Candidate | None], known: Known) -> list[Verdict]:
        """Compare the candidates, and confirm what differs. The list is shorter if the time is too short."""

        async def seen(one: Candidate | None) -> Verdict:
            return await self.compare.at_first_sight(one, known) if one else Verdict()

        verdicts = await each(candidates, seen)
        differ = [
            (place, one)
            for place, (one, verdict) in enumerate(zip(candidates, verdicts, strict=True))
            if one is not None and verdict.difference is not None
        ]
        confirmed = await self.compare.all_confirmed([one for _, one in differ])
        for (place, _), verdict in zip(differ, confirmed, strict=False):
            verdicts[place] = verdict
        return verdicts if len(confirmed) == len(differ) else verdicts[: differ[len(confirmed)][0]]


def _with(page: Compared, verdicts: Sequence[Verdict]) -> Compared:
    """Add what the comparison found to the page."""
    return replace(
        page,
        differences=tuple(verdict.difference for verdict in verdicts if verdict.difference is not None),
        in_work=sum(verdict.in_work for verdict in verdicts),
        to_link=sum(verdict.to_link for verdict in verdicts),
    )
