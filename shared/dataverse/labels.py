"""Reads the labels of choices from Sales' metadata, in one language.

The formatted values of rows would not do: they are in the language of the user who reads
(learn.microsoft.com/power-apps/developer/data-platform/webapi/query-metadata-web-api). A column with a global
choice may have its options there only.
"""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, cast

from shared.dataverse.accounts import API, HEADERS
from shared.model.faults import ConfigurationFault, System
from shared.model.mapping import LABELS_KEPT
from shared.ports import Clock
from shared.web.odata import ODataClient, answer_of, literal

_FRESH = timedelta(seconds=5)  # the oldest copy of a read that asks for a fresh one, and of a label not found
_TYPES = {"statecode": "State", "statuscode": "Status"}
_REMEDIES = {403: "Give the app's user in Sales the right to read table definitions (prvReadEntity)."}
_OTHERWISE = "Check that the column of the field map's entry with `label` is a column of choices."
_NO_LANGUAGE = "Set LABEL_LANGUAGE, or give the app's user the right to read the organization."


class DataverseLabels:
    """Implements the port OptionLabels, with a copy in the process. `language` None: the base language."""

    def __init__(self, client: ODataClient, clock: Clock, language: int | None) -> None:
        self._client = client
        self._clock = clock
        self._language = language
        self._base: int | None = None
        self._copies: dict[str, tuple[datetime, Mapping[int, str]]] = {}
        self._reading = asyncio.Lock()

    async def of(self, column: str, *, fresh: bool) -> Mapping[int, str]:
        """Return the label of each option: in the language, or the base language; "" if it has neither."""
        async with self._reading:
            copy, now = self._copies.get(column), self._clock.now()
            if copy is None or now - copy[0] > (_FRESH if fresh else LABELS_KEPT):
                copy = self._copies[column] = now, await self._read(column)
            return copy[1]

    async def _read(self, column: str) -> Mapping[int, str]:
        languages: list[int | None] = [self._language] if self._language else []
        languages.append(await self._base_language(needed=not languages))
        kind = f"Microsoft.Dynamics.CRM.{_TYPES.get(column, 'Picklist')}AttributeMetadata"
        expand = ",".join(f"{name}($select=Options)" for name in _sets(column))
        path = f"EntityDefinitions(LogicalName='account')/Attributes/{kind}"
        query = f"$select=LogicalName&$expand={expand}&$filter=LogicalName%20eq%20{literal(column)}"
        rows = (await self._content(f"{path}?{query}"))["value"]
        if not rows:
            raise ConfigurationFault(System.DATAVERSE, f'has no choice "{column}".', _OTHERWISE)
        sets = [cast(dict[str, Any], rows[0].get(name) or {}) for name in _sets(column)]
        options = [option for one in sets for option in cast(list[dict[str, Any]], one.get("Options") or [])]
        return {int(option["Value"]): _label(option, languages) for option in options}

    async def _base_language(self, *, needed: bool) -> int | None:
        if self._base is None:
            try:
                rows = (await self._content("organizations?$select=languagecode"))["value"]
            except ConfigurationFault as fault:
                if not needed:
                    return None
                raise ConfigurationFault(System.DATAVERSE, fault.reason, _NO_LANGUAGE) from fault
            self._base = int(rows[0]["languagecode"])
        return self._base

    async def _content(self, path: str) -> dict[str, Any]:
        return answer_of(System.DATAVERSE, await self._client.get(API + path, HEADERS), _REMEDIES, _OTHERWISE)


def _sets(column: str) -> tuple[str, ...]:
    return ("OptionSet",) if column in _TYPES else ("OptionSet", "GlobalOptionSet")


def _label(option: Mapping[str, Any], languages: Iterable[int | None]) -> str:
    """Return the label in the first of the languages that has one."""
    texts_of = cast(dict[str, Any], option.get("Label") or {})
    labels = cast(list[dict[str, Any]], texts_of.get("LocalizedLabels") or [])
    texts = {label.get("LanguageCode"): str(label.get("Label") or "") for label in labels}
    return next((texts[language] for language in languages if texts.get(language)), "")
