"""Who gets to the operator's page, and what proves that a form was sent by it."""

import pytest
from starlette.datastructures import Headers

from shared.console.guard import same_origin
from shared.console.people import Person, Role, person_of
from tests.flow.console import BASE, ROLE_CLAIM, SAME, WHO, Page, principal

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def lower(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


@pytest.mark.parametrize(
    ("roles", "highest"),
    [
        (["reader"], Role.READER),
        (["reader", "administrator", "operator"], Role.ADMINISTRATOR),
        (["Operator", "owner", ""], None),
        ([], None),
    ],
)
def test_the_highest_role_counts(roles: list[str], highest: Role | None) -> None:
    assert person_of(lower(principal(*roles))) == Person(WHO, highest)


@pytest.mark.parametrize(
    ("kind", "role_typ", "counts"),
    [
        ("roles", ROLE_CLAIM, True),
        (ROLE_CLAIM, "roles", True),
        ("roles", "", True),
        ("my-roles", "my-roles", True),
        ("roles", "my-roles", False),
        ("name", ROLE_CLAIM, False),
    ],
)
def test_a_role_is_a_claim_of_the_kind_that_the_platform_names(
    kind: str, role_typ: str, counts: bool
) -> None:
    found = person_of(lower(principal("operator", kind=kind, role_typ=role_typ)))
    assert found is not None
    assert (found.role is Role.OPERATOR) == counts


@pytest.mark.parametrize(
    "changes",
    [
        {"x-ms-client-principal": ""},
        {"x-ms-client-principal": "no base64!"},
        {"x-ms-client-principal": "bm8ganNvbg=="},
        {"x-ms-client-principal-id": ""},
        {"x-ms-client-principal-id": "somebody"},
    ],
)
def test_a_header_that_cannot_be_read_is_nobody(changes: dict[str, str]) -> None:
    assert person_of(lower(principal("operator")) | changes) is None


@pytest.mark.parametrize(
    ("headers", "same"),
    [
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"sec-fetch-site": "cross-site", "origin": "https://app", "host": "app"}, False),
        ({"origin": "https://app", "host": "app"}, True),
        ({"origin": "https://other", "host": "app"}, False),
        ({"origin": "null", "host": "app"}, False),
        ({"host": ""}, False),
        ({}, False),
    ],
)
def test_a_form_must_come_from_the_page_itself(headers: dict[str, str], same: bool) -> None:
    assert same_origin(Headers(headers)) == same


async def test_nobody_and_people_without_a_role_see_nothing() -> None:
    page = Page()
    nobody = await page.bare("GET", "/", {})
    assert nobody.status == 401
    without = await page.bare("GET", "/", principal())
    assert without.status == 403
    assert "you have no role" in without.text
    for seen in (nobody, without):
        assert "Issues" not in seen.text


async def test_a_form_of_another_site_changes_nothing() -> None:
    page = Page()
    for headers in ({}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        seen = await page.bare("POST", "/systems/pause", {**principal("administrator"), **headers})
        assert seen.status == 403
        assert "not sent by the page itself" in seen.text
    assert not page.actions.rows


@pytest.mark.parametrize("path", ["/", "/nothing", "/static/console.css", "/static/htmx.min.js"])
async def test_every_answer_has_the_policy(path: str) -> None:
    seen = await Page().get(path)
    assert seen.answer.headers["content-security-policy"] == POLICY
    assert seen.answer.headers["x-content-type-options"] == "nosniff"
    cached = "private, max-age=86400" if path.startswith("/static/") else "no-store"
    assert seen.answer.headers["cache-control"] == cached


async def test_a_page_has_no_script_and_no_style_of_its_own() -> None:
    page = Page()
    for path in ("/", "/issues", "/accounts", "/mapping", "/systems"):
        text = (await page.get(path, "administrator")).answer.text
        for forbidden in ("<style", "style=", "onclick", "onload", "javascript:", "<script>"):
            assert forbidden not in text, path


async def test_another_method_is_refused_with_a_page() -> None:
    seen = await Page().bare("POST", "/systems", {**principal("operator"), **SAME})
    assert seen.status == 405
    assert BASE in seen.answer.text
