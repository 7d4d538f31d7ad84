"""The pipelines are valid, pinned, without secrets, and call what is there."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.infra.templates import INFRA, ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
AZURE_PIPELINES = [ROOT / "azure-pipelines.yml", INFRA / "pipelines/deploy-environment.yml"]
BIN = Path(sys.executable).parent
PINNED = re.compile(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
SCHEMAS = [
    *((file, "vendor.github-workflows") for file in WORKFLOWS),
    *((file, "vendor.azure-pipelines") for file in AZURE_PIPELINES),
    (ROOT / ".github/dependabot.yml", "vendor.dependabot"),
]


def run(tool: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BIN / tool), *map(str, arguments)], capture_output=True, text=True, check=False
    )


def actionlint(*files: Path) -> subprocess.CompletedProcess[str]:
    return run("actionlint", "-no-color", *files)


def zizmor(*files: Path) -> subprocess.CompletedProcess[str]:
    return run("zizmor", "--offline", "--quiet", "--no-progress", *files)


def schema(file: Path, name: str) -> subprocess.CompletedProcess[str]:
    return run("check-jsonschema", "--builtin-schema", name, "--regex-variant", "nonunicode", file)


def changed(file: Path, folder: Path, old: str, new: str) -> Path:
    """A copy of a workflow with one change, where the tools look for workflows."""
    text = file.read_text(encoding="utf-8")
    assert old in text
    target = folder / ".github/workflows" / file.name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text.replace(old, new, 1), encoding="utf-8")
    return target


def test_workflows_are_sound() -> None:
    result = actionlint(*WORKFLOWS)
    assert (result.returncode, result.stdout) == (0, "")


def test_workflows_are_secure() -> None:
    result = zizmor(*WORKFLOWS, ROOT / ".github/dependabot.yml")
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(("file", "name"), SCHEMAS, ids=lambda value: getattr(value, "name", value))
def test_files_fit_their_schema(file: Path, name: str) -> None:
    result = schema(file, name)
    assert result.returncode == 0, result.stdout[-2000:]


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [("ci.yml", "ubuntu-24.04", "ubuntu-03.14"), ("deploy.yml", "needs: build", "needs: bild")],
)
def test_an_unsound_workflow_is_noticed(tmp_path: Path, file: str, old: str, new: str) -> None:
    assert actionlint(changed(ROOT / ".github/workflows" / file, tmp_path, old, new)).returncode != 0


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("deploy-environment.yml", "login@532459ea530d8321f2fb9bb10d1e0bcf23869a43", "login@v3"),
        ("deploy-environment.yml", 'what-if "$ENVIRONMENT"', 'what-if "${{ inputs.environment }}"'),
        ("ci.yml", "persist-credentials: false", "fetch-depth: 1"),
    ],
)
def test_an_insecure_workflow_is_noticed(tmp_path: Path, file: str, old: str, new: str) -> None:
    assert zizmor(changed(ROOT / ".github/workflows" / file, tmp_path, old, new)).returncode != 0


def test_a_pipeline_that_does_not_fit_is_noticed(tmp_path: Path) -> None:
    file = changed(AZURE_PIPELINES[0], tmp_path, "UsePythonVersion@0", "UseThePython@0")
    assert schema(file, "vendor.azure-pipelines").returncode != 0


def test_actions_are_pinned_by_commit() -> None:
    used = [line.strip() for file in WORKFLOWS for line in file.read_text().splitlines() if "uses:" in line]
    loose = [line for line in used if "uses: ./" not in line and not PINNED.search(line)]
    assert used
    assert loose == []


def test_no_pipeline_has_a_secret() -> None:
    for file in (*WORKFLOWS, *AZURE_PIPELINES):
        assert "secrets." not in file.read_text(encoding="utf-8").replace("secrets.baseline", "")


def test_every_deployment_knows_the_stages_before_it() -> None:
    pipeline = YAML(typ="safe").load(AZURE_PIPELINES[0])
    before: set[str] = set()
    for stage in pipeline["stages"]:
        parameters = stage.get("parameters", {})
        after = stage.get("dependsOn") or parameters.get("after")
        assert after is None or after in before
        before.add(stage.get("stage") or f"Deploy_{parameters['environment']}")
    assert {"Deploy_dev", "Deploy_test", "Deploy_prod"} <= before


def test_every_environment_has_its_parameters() -> None:
    found = {file.name.split(".")[0] for file in (INFRA / "parameters").glob("*.bicepparam")}
    workflow = YAML(typ="safe").load(ROOT / ".github/workflows/deploy.yml")
    asked = {job["with"]["environment"] for job in workflow["jobs"].values() if "with" in job}
    assert asked == found == {"dev", "test", "prod"}


def test_azd_finds_the_app() -> None:
    azd = YAML(typ="safe").load(ROOT / "azure.yaml")
    (service,) = azd["services"]
    tag = f"'azd-service-name': '{service}'"
    assert tag in (INFRA / "modules/function_app.bicep").read_text(encoding="utf-8")
    assert (INFRA / f"{azd['infra']['module']}.bicepparam").is_file()


def test_what_the_pipelines_run_is_there() -> None:
    script = (INFRA / "deploy.sh").read_text(encoding="utf-8")
    for command in _commands():
        for file, verb in re.findall(r"(?:^|[\s(])((?:infra/|dev\.py)[\w./-]*)(?: ([\w-]+))?", command):
            assert (ROOT / file).is_file(), file
            if file == "infra/deploy.sh":
                assert f'"{verb} ' in script, verb


def _commands() -> Iterator[str]:
    for file in (*WORKFLOWS, *AZURE_PIPELINES):
        yield from _texts(YAML(typ="safe").load(file))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in {"run", "script", "inlineScript"}:
                yield str(inner)
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


@pytest.mark.skipif(shutil.which("az") is None, reason="the Azure CLI is not on this machine")
def test_the_templates_compile() -> None:
    result = subprocess.run([str(INFRA / "deploy.sh"), "check"], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "")


def test_both_pipelines_compile_lint_and_format_the_templates() -> None:
    for file in (ROOT / ".github/workflows/ci.yml", AZURE_PIPELINES[0]):
        assert any("infra/deploy.sh check" in command for command in _texts(YAML(typ="safe").load(file)))


def test_both_pipelines_give_the_smoke_test_the_health_key_and_mask_it() -> None:
    commands = [command for command in _commands() if "infra/smoke.py" in command]
    assert len(commands) == 2
    for command in commands:
        lines = [line.strip() for line in command.splitlines()]
        taken = next(place for place, line in enumerate(lines) if line.startswith("HEALTH_KEY="))
        assert "infra/deploy.sh health-key" in lines[taken]
        assert re.search(r'(::add-mask::|task\.setsecret\])\$HEALTH_KEY"$', lines[taken + 1])
        assert lines[taken + 2] == "export HEALTH_KEY"
        assert "infra/smoke.py" in lines[taken + 3]
