"""infra/ holds together, is closed, and agrees with the app."""

from collections.abc import Callable, Iterator
from functools import cache

import pytest

from tests.infra.agreement_checks import AGREEMENT_CHECKS
from tests.infra.alert_checks import ALERT_CHECKS
from tests.infra.app import AppNeeds
from tests.infra.file_checks import FILE_CHECKS
from tests.infra.security_checks import SECURITY_CHECKS
from tests.infra.settings_checks import SETTINGS_CHECKS
from tests.infra.target_checks import TARGET_CHECKS
from tests.infra.templates import Infra
from tests.infra.type_checks import TYPE_CHECKS


@cache
def infra() -> Infra:
    return Infra.read()


@cache
def app() -> AppNeeds:
    return AppNeeds.read()


@pytest.mark.parametrize("check", [*FILE_CHECKS, *TYPE_CHECKS, *SECURITY_CHECKS])
def test_infra_is_sound(check: Callable[[Infra], Iterator[str]]) -> None:
    problems = "\n".join(check(infra()))
    assert not problems, problems


@pytest.mark.parametrize("check", [*SETTINGS_CHECKS, *TARGET_CHECKS, *AGREEMENT_CHECKS, *ALERT_CHECKS])
def test_app_and_infra_agree(check: Callable[[Infra, AppNeeds], Iterator[str]]) -> None:
    problems = "\n".join(check(infra(), app()))
    assert not problems, problems
