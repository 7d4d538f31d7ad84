"""docs/deploy.md names what is there: files, verbs, parameters, outputs, commands with their options.

Of all pages: the commands of the operator's tool are there, and each block can be pasted into a shell.
"""

import re
from collections.abc import Callable, Mapping

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from shared.cli.app import app
from tests.infra.bicep import Code, Declared
from tests.infra.settings_checks import OF_AZD
from tests.infra.templates import AZD, ROOT, VAULT, Infra

type Check = Callable[[str], set[str]]

PAGES = {
    page.name: page.read_text(encoding="utf-8") for page in (ROOT / "README.md", *ROOT.glob("docs/*.md"))
}
TEXT = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
# Set in the text itself, or an option of a script.
OWN = {"ENVIRONMENT", "GROUP", "SCOPE", "APP_ID", "OBJECT_ID", "ROLE", "BC", "NAV_KEY", "APP"}


def unknown_files(text: str) -> set[str]:
    named = re.findall(
        r"(?<![\w./~-])((?:infra|docs|tests|\.github)/[\w./-]+\w|azure[\w-]*\.ya?ml|dev\.py)", text
    )
    return {name for name in named if "ENVIRONMENT" not in name and not (ROOT / name).exists()}


def unknown_outputs(text: str) -> set[str]:
    return set(re.findall(r"\$\{?([A-Z][A-Z_]+)\b", text)) - OWN - set(Infra.read().main.outputs)


def unknown_parameters(text: str) -> set[str]:
    section = text.partition("## 3 Parameters")[2].partition("\n## ")[0]
    main = Infra.read().main
    known = {*main.params, "accountsync"}
    return {name for name in re.findall(r"`([a-z]\w+)`", section) if name not in known} - _members(
        Infra.read().types
    )


def _members(types: Mapping[str, Declared]) -> set[str]:
    values = [declared.value for declared in types.values()]
    return {str(name) for value in values if isinstance(value, dict) for name in value}


def unknown_commands(text: str) -> set[str]:
    """Words after `accountsync` that are no command of it, and options that the command does not have."""
    commands = getattr(get_command(app), "commands", {})
    found: set[str] = set()
    for line in re.findall(r"[ (`/\n]accountsync (?:--(?:local|settings \S+) )?([a-z][^`\n|)]*)", text):
        words = line.split()
        command, path = commands.get(words[0]), words[0]
        while isinstance(command, TyperGroup) and len(words) > 1:
            if command.invoke_without_command and words[1].startswith("--"):
                break  # the group's own options
            words = words[1:]
            command, path = command.commands.get(words[0]), f"{path} {words[0]}"
        if command is None:
            found.add(path)
            continue
        options = {option for parameter in command.params for option in parameter.opts}
        found |= {f"{path} {word}" for word in words if word.startswith("--") and word not in options}
    return found


def unknown_anchors(text: str) -> set[str]:
    titles = re.findall(r"^## (.+)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}
    return set(re.findall(r"\]\(#([\w-]+)\)", text)) ^ anchors


def unpasteable_lines(text: str) -> set[str]:
    """Lines with a prompt, or with a comment, which an interactive zsh takes for arguments."""
    blocks = re.findall(r"^ *```(?:bash|console|sh)\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    commands = re.sub(r"<<'(\w+)'.*?^\1$", "", "".join(blocks), flags=re.MULTILINE | re.DOTALL)
    return {line for line in commands.splitlines() if re.search(r"^[$#] |\s#", line)}


def wrong_secrets(text: str) -> set[str]:
    """Secrets that people put into the vault and no setting refers to, and the other way round."""
    vault = Infra.read().texts[VAULT]
    person = set(re.findall(r"secrets/([\w-]+)'", vault)) - set(re.findall(r"name: '([\w-]+-key)'", vault))
    named = re.findall(r"az keyvault secret set [^`]*?--name ([\w-]+)", text)
    return (set(named) - {"health-key"} | set(re.findall(r"--cert ([\w-]+)", text))) ^ person


def wrong_variables_of_azd(text: str) -> set[str]:
    """Variables that azd is to be told and does not read, and those that an ERP needs and the text lacks."""
    told = re.search(r"`azd env set [^;]*", text)
    named = set(re.findall(r"\b[A-Z]+_[A-Z_]+\b|\bTARGET\b", told[0] if told else ""))
    needed = {"DATAVERSE_URL", "DATAVERSE_ORGANIZATION_ID"} | {n for of in OF_AZD.values() for n in of}
    _, file = Infra.read().parameter_texts[AZD]
    read = {str(one.value.arguments[0]) for one in file.variables.values() if isinstance(one.value, Code)}
    return (named - read) | (needed - named)


CHECKS = (
    unknown_files,
    unknown_outputs,
    unknown_parameters,
    unknown_commands,
    unknown_anchors,
    wrong_secrets,
    wrong_variables_of_azd,
)


@pytest.mark.parametrize("check", CHECKS)
def test_what_is_named_is_there(check: Check) -> None:
    assert check(TEXT) == set()


@pytest.mark.parametrize("page", sorted(PAGES))
@pytest.mark.parametrize("check", [unknown_files, unknown_commands, unpasteable_lines])
def test_every_page_can_be_followed(page: str, check: Check) -> None:
    assert check(PAGES[page]) == set()


@pytest.mark.parametrize(
    ("check", "old", "new"),
    [
        (unknown_files, "infra/smoke.py", "infra/smoked.py"),
        (unknown_outputs, "$FUNCTION_URL", "$APP_URL"),
        (unknown_parameters, "`syncPartitions`", "`partitions`"),
        (unknown_commands, "accountsync registration", "accountsync registrations"),
        (unknown_commands, "register --new-key", "register --rotate"),
        (unknown_anchors, "(#clean-up)", "(#cleanup)"),
        (unknown_parameters, "`businessCentralClientId`", "`businessCentralAppId`"),
        (unknown_files, "examples/nav.bicepparam", "examples/navision.bicepparam"),
        (wrong_secrets, "--name nav-access-key", "--name nav-key"),
        (wrong_secrets, "--cert business-central-certificate", "--cert business-central"),
        (wrong_secrets, "--name business-central-client-secret", "--name client-secret"),
        (wrong_variables_of_azd, "`NAV_USER`", "`NAV_NAME`"),
        (wrong_variables_of_azd, "`BUSINESS_CENTRAL_CLIENT_ID`", "`DATAVERSE_URL`"),
        (unpasteable_lines, "accountsync registration\n", "accountsync registration  # tells what differs\n"),
        (unpasteable_lines, "\naz login\n", "\n$ az login\n"),
        (unpasteable_lines, "   az ad sp create --id $APP_ID\n", "   az ad sp create --id $APP_ID # once\n"),
    ],
)
def test_what_is_not_there_is_noticed(check: Check, old: str, new: str) -> None:
    assert old in TEXT
    assert check(TEXT.replace(old, new)) != set()


def test_the_verbs_of_the_script_are_those_it_has() -> None:
    script = (ROOT / "infra/deploy.sh").read_text(encoding="utf-8")
    verbs = set(re.findall(r"infra/deploy\.sh ([\w-]+)", TEXT))
    assert verbs == {"check", "what-if", "provision", "health-key", "release"}
    assert all(f'"{verb} ' in script for verb in verbs)
