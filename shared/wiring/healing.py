"""Healing over the ports of the app."""

from datetime import timedelta
from typing import TYPE_CHECKING

from shared.resilience.compare_issues import CompareIssues
from shared.resilience.follow_mappings import FollowMappings
from shared.resilience.heal import Heal
from shared.resilience.keep_counts import KeepCounts
from shared.resilience.release_parked import ReleaseParked
from shared.resilience.seen_mappings import SeenMappings

if TYPE_CHECKING:
    from shared.wiring import Application


def heal_of(app: "Application") -> Heal:
    """Return the use case behind the function `heal`."""
    ports = app.ports
    seen = SeenMappings(ports.mappings)
    return Heal(
        control=ports.control,
        clock=ports.clock,
        follow=FollowMappings(
            seen=seen,
            states=ports.states,
            queue=ports.queue,
            cache=timedelta(seconds=app.settings.currency_cache_seconds),
            deadline=app.deadline,
        ),
        release=ReleaseParked(
            seen=seen,
            issues=ports.issues,
            states=ports.states,
            knows=app.knows_currency,
            erp=app.erp.capabilities.system,
            breakers=app.breakers,
            queue=ports.queue,
        ),
        compare=CompareIssues(ports.issues, ports.states),
        counts=KeepCounts(ports.issues, ports.counts),
    )
