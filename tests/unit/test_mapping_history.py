"""The history: batches that a transaction takes, versions by their ids, and the way back."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.mappings.findings import Kind
from shared.mappings.history import (
    MOST_CHANGES,
    MOST_TEXT,
    NoSuchVersionError,
    batches,
    edit_id,
    find,
    only_of,
    plan_back,
)
from shared.model.mapping_edit import Edit, Mapped, MappingRow, RowChange, Version

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def version(id_: str, *changes: tuple[str, str | None, str | None]) -> Version:
    """A version of changes (name, code before, code after)."""

    def mapped(name: str, code: str | None) -> Mapped | None:
        return None if code is None else Mapped(name, code)

    rows = [RowChange(name, mapped(name, before), mapped(name, after)) for name, before, after in changes]
    return Version(Edit(id_, NOW, "me", "file.xlsx"), tuple(rows))


def table(**codes: str) -> list[MappingRow]:
    return [MappingRow(name, Mapped(name, code), f"etag of {name}") for name, code in codes.items()]


def test_ids_rise_with_time() -> None:
    moments = [NOW, NOW + timedelta(microseconds=1), NOW + timedelta(seconds=1), NOW + timedelta(days=31)]
    ids = [edit_id(moment, salt) for moment, salt in zip(moments, "zyxa", strict=True)]
    assert ids == sorted(ids)


@given(st.lists(st.integers(0, 1024), max_size=400))
def test_batches_keep_every_change_in_order_and_fit_a_transaction(lengths: list[int]) -> None:
    changes = [RowChange(str(n), None, Mapped("x" * length, "USD")) for n, length in enumerate(lengths)]
    found = list(batches(changes))
    assert [change for batch in found for change in batch] == changes
    assert all(0 < len(batch) <= MOST_CHANGES for batch in found)
    assert all(sum(2 * len(c.mapped.crm) for c in batch) <= MOST_TEXT for batch in found)


def test_a_version_is_found_by_the_beginning_of_its_id() -> None:
    versions = [version("2026-1a"), version("2026-1b"), version("2026-2")]
    assert find(versions, "2026-1b") is versions[1]
    assert find(versions, "2026-2") is versions[2]
    with pytest.raises(NoSuchVersionError, match="More than one version"):
        find(versions, "2026-1")
    with pytest.raises(NoSuchVersionError, match="No version"):
        find(versions, "2027")


def test_the_history_of_one_currency_holds_its_changes_alone() -> None:
    versions = [version("1", ("euro", None, "EUR"), ("yen", None, "JPY")), version("2", ("yen", "JPY", None))]
    assert only_of(versions, " EURO") == [version("1", ("euro", None, "EUR"))]


def test_going_back_undoes_every_later_version() -> None:
    undone = [
        version("1", ("euro", None, "EUX"), ("yen", "JPY", "JPX")),
        version("2", ("euro", "EUX", "EUR"), ("pound", "GBP", None)),
    ]
    plan = plan_back(table(euro="EUR", yen="JPX", crown="SEK"), undone)
    assert plan.changes == [
        RowChange("euro", Mapped("euro", "EUR"), None, "etag of euro"),
        RowChange("yen", Mapped("yen", "JPX"), Mapped("yen", "JPY"), "etag of yen"),
        RowChange("pound", None, Mapped("pound", "GBP")),
    ]
    assert plan.unchanged == 1
    assert plan.findings == []


def test_a_row_changed_by_other_means_since_is_told() -> None:
    plan = plan_back(table(euro="XXX"), [version("1", ("euro", "EUR", "EUX"))])
    assert [finding.kind for finding in plan.findings] == [Kind.CHANGED_BY_HAND]
    assert [change.after for change in plan.changes] == [Mapped("euro", "EUR")]


def test_what_stands_as_it_did_is_left_alone() -> None:
    plan = plan_back(table(euro="EUR"), [version("1", ("euro", "EUR", "EUX"), ("yen", None, "JPY"))])
    assert (plan.changes, plan.findings) == ([], [])
