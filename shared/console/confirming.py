"""The page between a button and its action: what will happen, why it is done, and the button that does it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.responses import Response

from shared.console.desk import Desk, Form


@dataclass(frozen=True, slots=True)
class Question:
    """`button` is on the page and in its heading; `lead` says what it does; `path` takes the answer."""

    button: str
    lead: str
    path: str
    back: str
    here: str
    fields: Mapping[str, str] = field(default_factory=dict[str, str])
    risky: bool = False


def asked(desk: Desk, form: Form, question: Question) -> Response | None:
    """Return the page that asks; None once the person has confirmed."""
    return None if form.has("sure") else desk.show("confirm.html", question=question)
