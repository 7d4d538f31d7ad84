"""The start builds the application beside itself: the import stays light, and the first event finds it."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shared.environment import load_settings
from shared.wiring import Application

ROOT = Path(__file__).parents[2]
EXAMPLE = json.loads((ROOT / "local.settings.json.example").read_text(encoding="utf-8"))["Values"]


def _run(code: str) -> subprocess.CompletedProcess[str]:
    """Run it in a process of its own, which has loaded nothing yet."""
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )


def test_the_start_builds_the_ports_soon_after_the_import() -> None:
    code = (
        "import json, os, sys, time\n"
        "os.environ.update(json.load(open('local.settings.json.example', encoding='utf-8'))['Values'])\n"
        "import function_app\n"
        "loaded = {'httpx', 'opentelemetry', 'shared.telemetry', 'shared.model.change'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
        "from shared.wiring import application\n"
        "end = time.monotonic() + 30\n"
        "while 'sync_account' not in vars(application()) and time.monotonic() < end:\n"
        "    time.sleep(0.05)\n"
        "print(sorted({'queue_change', 'sync_account'} & set(vars(application()))))"
    )
    done = _run(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "['queue_change', 'sync_account']"


def test_what_the_first_event_would_wait_for_is_opened_where_events_run() -> None:
    code = (
        "import asyncio, json, os\n"
        "os.environ.update(json.load(open('local.settings.json.example', encoding='utf-8'))['Values'])\n"
        "async def main():\n"
        "    import function_app\n"
        "    from shared.wiring import Application\n"
        "    begun = asyncio.get_running_loop().create_future()\n"
        "    async def warm_up(application):\n"
        "        begun.set_result('sync_account' in vars(application))\n"
        "    Application.warm_up = warm_up\n"
        "    print(await asyncio.wait_for(begun, 30))\n"
        "asyncio.run(main())"
    )
    done = _run(code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


@pytest.mark.parametrize("prepare", ["Application.prepare", "None"])
def test_garbage_is_collected_again_after_the_start_however_it_ends(prepare: str) -> None:
    code = (
        "import gc, json, os, time\n"
        "os.environ.update(json.load(open('local.settings.json.example', encoding='utf-8'))['Values'])\n"
        "import function_app\n"
        "assert not gc.isenabled()\n"
        "from shared.wiring import Application\n"
        f"Application.prepare = {prepare}\n"
        "end = time.monotonic() + 30\n"
        "while not gc.isenabled() and time.monotonic() < end:\n"
        "    time.sleep(0.05)\n"
        "print(gc.isenabled())"
    )
    done = _run(code)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


def test_threads_that_come_together_get_the_same_ports() -> None:
    application = Application(*load_settings(EXAMPLE))
    with ThreadPoolExecutor(8) as threads:
        ports = list(threads.map(lambda _: application.ports, range(8)))
    assert all(other is ports[0] for other in ports)


@pytest.mark.parametrize(
    "first_check",
    [
        "time.sleep(1)\nprint(loaded())\nCOUNTED.outcome('webhook', Ending.CREATED)",
        "print(loaded())",  # none comes
    ],
)
def test_the_export_starts_after_the_first_check_and_soon_without_one(
    tmp_path: Path, first_check: str
) -> None:
    code = (
        "import json, os, pathlib, sys, time\n"
        "os.environ.update(json.load(open('local.settings.json.example', encoding='utf-8'))['Values'])\n"
        f"os.environ.update(TELEMETRY='file', TELEMETRY_FILE={str(tmp_path)!r})\n"
        "import function_app\n"
        "from shared.model.outcome import Ending\n"
        "from shared.telemetry.activity import COUNTED\n"
        "from shared.wiring import application\n"
        "loaded = lambda: 'opentelemetry.sdk' in sys.modules\n"
        "end = time.monotonic() + 30\n"
        "while 'sync_account' not in vars(application()) and time.monotonic() < end:\n"
        "    time.sleep(0.01)\n"
        f"{first_check}\n"
        "while not loaded() and time.monotonic() < end:\n"
        "    time.sleep(0.01)\n"
        f"while not list(pathlib.Path({str(tmp_path)!r}).iterdir()) and time.monotonic() < end:\n"
        "    time.sleep(0.05)\n"
    )
    done = _run(code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "False\n", "")
    assert len(list(tmp_path.glob("*.jsonl"))) == 1
