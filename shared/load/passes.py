"""How a pass of catch-up begins, goes on and ends: pure functions of the stored state.

Without a link, the first pass reads all accounts to get one. It sends checks only for accounts that
AccountSync knows: to create the customers of all others is the first load's work. From then on each pass
reads what changed since the link. If a link is refused, a pass reads all accounts, and after that looks for
the accounts of AccountSync that Sales does not have any more. Where change tracking is off, each pass goes by
the column modifiedon and finds no deletions.
"""

from dataclasses import replace
from datetime import datetime

from shared.model.catch_up import CatchUpState, ChangePage, Passed, Refusal, Tally, Walk

WHOLE = frozenset({Walk.FIRST, Walk.FULL})  # all accounts, with change tracking


def begun(state: CatchUpState, serves: str) -> CatchUpState:
    """Begin a pass. `serves`: the request of a person, if one waits."""
    walk = Walk.FIRST
    if state.link:
        # A link that came while passes went by modifiedon: one more of those closes the gap before it.
        walk = Walk.MODIFIED if state.untracked else Walk.CHANGES
    page = state.link if walk is Walk.CHANGES else ""
    return replace(state, walk=walk, page=page, begun_at=None, tally=Tally(), serves=serves)


def refused(state: CatchUpState, refusal: Refusal) -> CatchUpState:
    """Go on in another way, or from the first page again."""
    if refusal is Refusal.TRACKING_OFF:
        return replace(state, walk=Walk.MODIFIED, page="", link="", untracked=True)
    if state.walk is Walk.CHANGES:
        return replace(state, walk=Walk.FULL, page="", link="")
    return replace(state, page="")


def takes_unknown(state: CatchUpState) -> bool:
    """Whether the pass sends checks for accounts that AccountSync does not have."""
    return state.walk is not Walk.FIRST and not (state.walk is Walk.MODIFIED and state.since is None)


def advanced(state: CatchUpState, page: ChangePage, now: datetime) -> CatchUpState:
    """Go on behind a page, after its checks were sent."""
    state = replace(state, begun_at=state.begun_at or page.at)
    if page.following:
        return replace(state, page=page.following)
    match state.walk:
        case Walk.FULL:
            return replace(state, walk=Walk.DELETIONS, page="", link=page.delta, untracked=False)
        case Walk.MODIFIED:
            state = replace(state, untracked=not state.link)
        case Walk.FIRST if state.untracked:
            return replace(_ended(state, now), link=page.delta, since=state.since)
        case Walk.FIRST | Walk.CHANGES:
            state = replace(state, link=page.delta or state.link)
        case _:
            pass
    return _ended(state, now)


def _ended(state: CatchUpState, now: datetime) -> CatchUpState:
    walk = state.walk or Walk.CHANGES
    return replace(
        state,
        walk=None,
        page="",
        serves="",
        since=state.begun_at,
        last=Passed(now, walk, state.tally),
        answered=state.serves or state.answered,
        trouble="" if state.serves else state.trouble,
    )
