"""An index of keys by rank: what is due first, what is oldest. Adding and taking cost O(log n).

Removal only forgets the key; entries of the heap that nobody wants any more are thrown away when they
come up, or all at once when they are the majority, so memory stays proportional to what is in it.
"""

from collections.abc import Hashable, Iterator
from heapq import heapify, heappop, heappush

_SLACK = 64


class LowestFirst[Key: Hashable]:
    """Keys ordered by a number. A key added again gets its new rank; equal ranks come in order of adding."""

    def __init__(self) -> None:
        self._ranks: dict[Key, tuple[float, int]] = {}
        self._heap: list[tuple[float, int, Key]] = []
        self._added = 0

    def __len__(self) -> int:
        return len(self._ranks)

    def __contains__(self, key: Key) -> bool:
        return key in self._ranks

    def add(self, key: Key, rank: float) -> None:
        self._added += 1
        self._ranks[key] = (rank, self._added)
        heappush(self._heap, (rank, self._added, key))
        self._compact()

    def discard(self, key: Key) -> None:
        if self._ranks.pop(key, None) is not None:
            self._compact()

    def first_rank(self) -> float | None:
        self._drop_forgotten()
        return self._heap[0][0] if self._heap else None

    def first(self) -> Key | None:
        self._drop_forgotten()
        return self._heap[0][2] if self._heap else None

    def pop_first(self) -> Key | None:
        self._drop_forgotten()
        if not self._heap:
            return None
        key = heappop(self._heap)[2]
        del self._ranks[key]
        return key

    def pop_up_to(self, limit: float) -> Iterator[Key]:
        """Take the keys whose rank is at most `limit`, lowest first."""
        while (rank := self.first_rank()) is not None and rank <= limit:
            key = self._heap[0][2]
            self.discard(key)
            yield key

    def __iter__(self) -> Iterator[Key]:
        """In no order; keys may be added and removed meanwhile."""
        return iter(list(self._ranks))

    def _drop_forgotten(self) -> None:
        heap, ranks = self._heap, self._ranks
        while heap and ranks.get(heap[0][2]) != heap[0][:2]:
            heappop(heap)

    def _compact(self) -> None:
        if len(self._heap) > 2 * len(self._ranks) + _SLACK:
            self._heap = [(rank, order, key) for key, (rank, order) in self._ranks.items()]
            heapify(self._heap)
