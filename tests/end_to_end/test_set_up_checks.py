"""The doctor's checks of the set-up, wired as the app has them, on a running stand."""

from local.stand import Stand
from shared.model.finding import Grade
from shared.wiring.set_up_checks import sales_metadata, set_up_checks
from tests.end_to_end.operator import application


async def test_a_stand_in_order_has_nothing_wrong(stand: Stand) -> None:
    async with application(stand) as app:
        field_map, mappings, points = set_up_checks(app)
        for check in (field_map, points):
            wrong = [one for one in await check.check() if one.grade in {Grade.WARNING, Grade.ERROR}]
            assert wrong == []
        for table in mappings:
            assert await table.check(), "what it finds depends on the currencies that other tests use"
        assert (await sales_metadata(app).organization()).base_language == 1033
