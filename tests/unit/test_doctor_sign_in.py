"""The doctor asks the app's own address as a stranger: each way past the sign-in is found."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from shared.console.guard import HEADERS
from shared.console.people import Role, person_of
from shared.diagnostics.doctor.sign_in import FORGED_PATHS, NAME, SignInCheck, forged
from shared.model.finding import Finding, Grade
from shared.ports.doctor import Reply
from shared.web.front_door import OwnAddress

POLICY = HEADERS["Content-Security-Policy"]


@dataclass
class Door:
    """Implements FrontDoor: every path is refused, but for those with an answer of their own."""

    answers: Mapping[str, Reply | None] = field(default_factory=dict[str, Reply | None])
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list[tuple[str, Mapping[str, str]]])

    async def ask(self, path: str, headers: Mapping[str, str]) -> Reply | None:
        self.asked.append((path, headers))
        return self.answers.get(path, Reply(401, ""))


async def found(door: Door | OwnAddress | None, *, on: bool = True) -> list[tuple[Grade, str]]:
    findings = await SignInCheck(on, door).check()
    assert all(one.check == NAME for one in findings)
    assert all(one.why and one.remedy for one in findings if one.grade is not Grade.FINE)
    return [(one.grade, one.what) for one in findings]


@pytest.mark.parametrize("reply", [Reply(302, ""), Reply(401, ""), Reply(403, ""), Reply(404, "")])
async def test_a_platform_that_refuses_or_redirects_is_fine(reply: Reply) -> None:
    door = Door(dict.fromkeys(FORGED_PATHS, reply))
    ((grade, _),) = await found(door)
    assert grade is Grade.FINE
    assert [path for path, _ in door.asked] == [*FORGED_PATHS]


async def test_what_is_sent_would_make_an_operator_of_whoever_gets_through() -> None:
    door = Door()
    await found(door)
    for _, headers in door.asked:
        person = person_of({name.lower(): value for name, value in headers.items()})
        assert person is not None
        assert person.role is Role.OPERATOR


@pytest.mark.parametrize("path", FORGED_PATHS)
@pytest.mark.parametrize(
    ("reply", "grade"),
    [
        (Reply(200, POLICY), Grade.ERROR),
        (Reply(200, ""), Grade.ERROR),
        (Reply(204, ""), Grade.ERROR),
        (Reply(401, POLICY), Grade.ERROR),  # only the page itself refuses: the platform let it through
        (Reply(403, POLICY), Grade.ERROR),
        (Reply(500, POLICY), Grade.ERROR),
        (Reply(503, ""), Grade.NOT_CHECKED),
        (None, Grade.NOT_CHECKED),
    ],
)
async def test_each_open_way_is_found_and_named(path: str, reply: Reply | None, grade: Grade) -> None:
    ((found_grade, what),) = await found(Door({path: reply}))
    assert found_grade is grade
    assert path in what


async def test_without_a_page_nothing_is_asked() -> None:
    door = Door({"/api/console/": Reply(200, POLICY)})
    ((grade, _),) = await found(door, on=False)
    assert (grade, door.asked) == (Grade.FINE, [])


async def test_an_unknown_address_is_never_taken_as_fine() -> None:
    assert [grade for grade, _ in await found(None)] == [Grade.NOT_CHECKED]


@pytest.fixture
async def server() -> AsyncIterator[tuple[str, list[tuple[str, str]]]]:
    """A server that redirects everything, and what it was asked for."""
    seen: list[tuple[str, str]] = []

    async def answer(request: web.BaseRequest) -> web.Response:
        seen.append((request.raw_path, request.headers.get("X-MS-CLIENT-PRINCIPAL", "")))
        return web.Response(status=302, headers={"Location": "/login", "Content-Security-Policy": "x"})

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield f"http://127.0.0.1:{port}", seen
    await runner.cleanup()


async def test_paths_go_out_as_they_are_and_no_redirect_is_followed(
    server: tuple[str, list[tuple[str, str]]],
) -> None:
    address, seen = server
    replies = await asyncio.gather(*(OwnAddress(address).ask(path, forged()) for path in FORGED_PATHS))
    assert replies == [Reply(302, "x")] * len(FORGED_PATHS)
    assert {path for path, _ in seen} == {*FORGED_PATHS}
    assert {principal for _, principal in seen} == {forged()["X-MS-CLIENT-PRINCIPAL"]}


async def test_an_address_that_does_not_answer_is_not_checked() -> None:
    findings = await SignInCheck(on=True, door=OwnAddress("http://127.0.0.1:9")).check()
    assert {one.grade for one in findings} == {Grade.NOT_CHECKED}
    assert isinstance(findings[0], Finding)
