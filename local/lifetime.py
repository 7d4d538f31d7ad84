"""The life of a local server process: one line of JSON when it is ready, a clean end when it is told to stop.

Told to stop means SIGTERM, SIGINT or, with `--exit-with-parent`, the end of standard input: a parent that is
killed cannot send a signal, but its end of the pipe closes all the same, so no orphan survives it.
"""

import asyncio
import json
import os
import signal
import sys
import threading
import time
from typing import Any

STDIN = 0
ORPHAN_SECONDS = 3.0


def announce_ready(**facts: Any) -> None:
    """Print the single line on standard output that says that the server is serving, and where."""
    print(json.dumps({"ready": True, **facts}), file=sys.__stdout__, flush=True)


def stop_when_told(*, exit_with_parent: bool) -> asyncio.Event:
    """An event that is set by SIGTERM, SIGINT or (if asked for) the end of standard input."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:  # Windows has no signal handlers in the event loop
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    if exit_with_parent:
        threading.Thread(target=_set_at_end_of_stdin, args=(loop, stop), daemon=True).start()
    return stop


def _set_at_end_of_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    # os.read and not sys.stdin: a daemon thread inside a buffered reader breaks the interpreter's own exit.
    parent = os.getppid()
    while os.read(STDIN, 4096):
        pass
    if not loop.is_closed():
        loop.call_soon_threadsafe(stop.set)
    if os.getppid() != parent:  # killed: whatever would be finished in peace has nobody to go to
        time.sleep(ORPHAN_SECONDS)
        os._exit(1)
