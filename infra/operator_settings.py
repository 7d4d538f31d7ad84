"""Writes the settings that `accountsync --settings FILE` needs to work on a deployed app.

    python3 infra/operator_settings.py OUTPUTS FILE

In: the file of outputs that `infra/deploy.sh provision` printed, and an Azure CLI, signed in as somebody
who may read the vault's secrets; no other right in Azure is needed. Out: a local.settings.json with the app's
own settings and keys, for a person's own sign-in instead of the app's identity. What the app signs in to
Business Central with is left out: people sign in there as themselves. NAV knows access keys only, so the
app's is in the file. Only its owner can read it; keep it out of the repository. Standard library only.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

OUTPUT = "OPERATOR_SETTINGS="
# How the application signs in to Business Central; without it, the person's own sign-in is taken.
OF_THE_APPLICATION = {
    f"BUSINESS_CENTRAL_{name}" for name in ("TENANT_ID", "CLIENT_ID", "CLIENT_SECRET", "CERTIFICATE")
}
REFERENCE = re.compile(r"^@Microsoft\.KeyVault\(SecretUri=(?P<uri>https://[^)]+)\)$")


def main(arguments: list[str]) -> int:
    """Write the file; 2 for wrong arguments."""
    if len(arguments) != 2:
        print("Usage: python3 infra/operator_settings.py OUTPUTS FILE", file=sys.stderr)
        return 2
    given = settings_in(Path(arguments[0]).read_text(encoding="utf-8"))
    if given is None:
        print(f"{arguments[0]} has no line {OUTPUT}...: deploy with this version first.", file=sys.stderr)
        return 1
    values = {name: resolved(value) for name, value in given.items() if name not in OF_THE_APPLICATION}
    content = {"IsEncrypted": False, "Values": values | {"CREDENTIAL": "default"}}
    write_for_owner(Path(arguments[1]), json.dumps(content, indent=2))
    print(f"{arguments[1]} is written; nobody but you can read it.")
    return 0


def write_for_owner(file: Path, text: str) -> None:
    """Write a file that only its owner can read, and nobody else at any moment."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # has mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as part:
            part.write(text + "\n")
        Path(name).replace(file)
    finally:
        Path(name).unlink(missing_ok=True)


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
