"""Free ports for servers that start later."""

import random

import pytest

from local import ports


def test_no_port_is_given_twice_although_nobody_listens_on_it_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers of one stand listen a moment later; with the same port for two of them one cannot start."""
    monkeypatch.setattr(random, "sample", lambda known, number: [*known][:number])  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    given = [ports.free_port() for _ in range(20)]
    assert len(set(given)) == len(given)
