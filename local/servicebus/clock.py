"""What time it is: seconds since 1970 (UTC), given by whoever runs the broker: tests need not wait."""

from collections.abc import Callable

type Clock = Callable[[], float]
