"""Prints the settings that `accountsync --settings FILE` needs to work on a deployed app.

    python3 infra/operator_settings.py OUTPUTS > prod.json

In: the file of outputs that `infra/deploy.sh provision` printed, and an Azure CLI, signed in as somebody
who may read the vault's secrets; no other right in Azure is needed. Out: a local.settings.json with the app's
own settings and keys, for a person's own sign-in instead of the app's identity. It holds two keys: keep it
out of the repository. Standard library only.
"""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

OUTPUT = "OPERATOR_SETTINGS="
REFERENCE = re.compile(r"^@Microsoft\.KeyVault\(SecretUri=(?P<uri>https://[^)]+)\)$")


def main(arguments: list[str]) -> int:
    """Print; 2 for wrong arguments."""
    if len(arguments) != 1:
        print("Usage: python3 infra/operator_settings.py OUTPUTS", file=sys.stderr)
        return 2
    given = settings_in(Path(arguments[0]).read_text(encoding="utf-8"))
    if given is None:
        print(f"{arguments[0]} has no line {OUTPUT}...: deploy with this version first.", file=sys.stderr)
        return 1
    values = {name: resolved(value) for name, value in given.items()}
    print(json.dumps({"IsEncrypted": False, "Values": values | {"CREDENTIAL": "default"}}, indent=2))
    return 0


def settings_in(outputs: str) -> dict[str, str] | None:
    """Find the app's settings in what `infra/deploy.sh provision` printed; None if they are not there."""
    for line in outputs.splitlines():
        if line.startswith(OUTPUT):
            return json.loads("".join(shlex.split(line.removeprefix(OUTPUT))))
    return None


def resolved(value: str) -> str:
    """A setting, or what it refers to."""
    reference = REFERENCE.match(value)
    if reference is None:
        return value
    return json.loads(az("keyvault", "secret", "show", "--id", reference["uri"]))["value"]


def az(*arguments: str) -> str:
    """What the Azure CLI answers."""
    command = ["az", *arguments, "--only-show-errors", "--output", "json"]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603 - fixed verbs


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
