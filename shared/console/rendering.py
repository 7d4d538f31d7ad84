"""Templates into HTML: every value is escaped; times, ages and words are written in one way."""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, cast

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request

from shared.console import run_words, words
from shared.wiring.operator import Operator

BASE = "/api/console"
FOLDER = Path(__file__).parent
_TIME = Markup('<time datetime="{}">{} UTC</time>')
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?) UTC")


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    filters = cast("dict[str, Any]", made.filters)  # pyright: ignore[reportUnknownMemberType]
    filters |= {"time": _time, "count": _count, "plain": _plain, "spell": words.spell}
    made.globals.update(  # pyright: ignore[reportUnknownMemberType]
        base=BASE,
        words=words,
        run_words=run_words,
        css=_fingerprint("console.css"),
        js=_fingerprint("console.js"),
        htmx=_fingerprint("htmx.min.js"),
    )
    return made


def render(request: Request, template: str, operator: Operator, /, **values: object) -> str:
    """Fill in a template."""
    person = getattr(request.state, "person", None)
    common: Mapping[str, Any] = {
        "person": person,
        "erp": operator.erp.capabilities.name,
        "sales": operator.settings.dataverse_url.partition("//")[2],
        "now": operator.ports.clock.now(),
    }
    return _environment().get_template(template).render({**common, **values})


def _fingerprint(name: str) -> str:
    """Return the address of a file, which changes with its content."""
    digest = blake2b((FOLDER / "static" / name).read_bytes(), digest_size=6).hexdigest()
    return f"{BASE}/static/{name}?v={digest}"


def _time(moment: datetime | str | None, *, seconds: bool = False) -> Markup:
    """Write a moment in UTC; a script may add the person's own time."""
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment) if moment else None
    if moment is None:
        return Markup("")
    text = f"{moment:%Y-%m-%d %H:%M:%S}" if seconds else f"{moment:%Y-%m-%d %H:%M}"
    return _TIME.format(moment.isoformat(timespec="seconds"), text)


def _plain(text: object) -> Markup:
    """Write a text of a use case with the page's own buttons, and with its moments as such."""
    parts = _MOMENT.split(words.on_the_page(str(text)))  # every second one is a moment
    return Markup("").join(
        _TIME.format(part.replace(" ", "T") + "Z", part) if place % 2 else part
        for place, part in enumerate(parts)
    )


def _count(number: int, one: str, many: str = "") -> str:
    """Write a number with its noun."""
    return f"1 {one}" if number == 1 else f"{number:,} {many or one + 's'}"
