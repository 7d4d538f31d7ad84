"""The suite `broker`: the stand's Service Bus, as figures; what is measured is in `bench/servicebus.py`."""

from bench.figures import Figure
from bench.servicebus import broker, measure, run_soak


def figures(count: int, rounds: int, against: str | None, messages: int) -> list[Figure]:
    """Measure the rates of each case, then the soak. Rates are for comparison; no message may be lost."""
    with broker() as (connection_string, pid):
        rates = measure(connection_string, against, count, rounds) if rounds else {}
        soaked = run_soak(connection_string, pid, messages) if messages else {}
    return [
        *(_of_case(number, case, rate) for number, (case, rate) in enumerate(rates.items(), 1)),
        *(Figure(f"broker/{name.replace('_', '-')}", _SOAK[name], value) for name, value in soaked.items()),
    ]


def _of_case(number: int, case: str, rate: dict[str, float]) -> Figure:
    ratio = f"{rate['rate'] / rate['other']:.2f} x the other broker" if "other" in rate else ""
    return Figure(f"broker/rate-{number}", case, rate["rate"], "messages/s", ratio)


_SOAK = {
    "messages": "messages sent in two rounds",
    "lost": "messages lost",
    "doubled": "messages that came twice",
    "memory_after_first_mb": "MB of memory after the first round",
    "memory_after_second_mb": "MB of memory after the second round",
    "seconds": "seconds of both rounds",
}
