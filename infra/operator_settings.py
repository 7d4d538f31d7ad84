"""Prints the settings that `accountsync --settings FILE` needs to work on a deployed app.

    python3 infra/operator_settings.py RESOURCE_GROUP APP > prod.json

In: an Azure CLI that is signed in as an operator. Out: a local.settings.json with the app's own settings and
keys, for a person's own sign-in instead of the app's identity. It holds two keys: keep it out of the
repository. Standard library only.
"""

import json
import re
import subprocess
import sys

# What belongs to the host, or to the identity that the app acts with.
NOT_FOR_PEOPLE = re.compile(
    r"^(AZURE_CLIENT_ID$|APPLICATIONINSIGHTS_|AzureWebJobs|\w+__(credential|clientId)$)"
)
REFERENCE = re.compile(r"^@Microsoft\.KeyVault\(SecretUri=(?P<uri>https://[^)]+)\)$")


def main(arguments: list[str]) -> int:
    """Print; 2 for wrong arguments."""
    if len(arguments) != 2:
        print("Usage: python3 infra/operator_settings.py RESOURCE_GROUP APP", file=sys.stderr)
        return 2
    group, app = arguments
    listed = az("functionapp", "config", "appsettings", "list", "--resource-group", group, "--name", app)
    given = {entry["name"]: entry["value"] for entry in json.loads(listed)}
    values = {name: resolved(value) for name, value in given.items() if not NOT_FOR_PEOPLE.match(name)}
    print(json.dumps({"IsEncrypted": False, "Values": values | {"CREDENTIAL": "default"}}, indent=2))
    return 0


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
