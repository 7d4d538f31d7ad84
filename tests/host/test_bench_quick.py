"""`bench --quick`: counts only, one verdict a target, and an exit code that says whether all are met."""

import subprocess
import sys
from pathlib import Path

from bench.targets import QUICK

ROOT = Path(__file__).parents[2]


def test_a_quick_run_judges_every_target_of_counts(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench", "--quick", "--json", str(tmp_path / "results.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    judged = [line.split() for line in done.stdout.splitlines() if line.startswith(("met ", "missed "))]
    assert sorted(key for _, key, *_ in judged) == sorted(QUICK), done.stderr
    assert done.returncode == any(verdict == "missed" for verdict, *_ in judged)
    assert (tmp_path / "results.json").read_text(encoding="utf-8").count('"verdict": "met"') == sum(
        verdict == "met" for verdict, *_ in judged
    )
