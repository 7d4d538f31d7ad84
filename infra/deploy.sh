#!/usr/bin/env bash
# What both pipelines do, and what a person can do by hand. Needs the Azure CLI, signed in; runs from anywhere.
#
#   infra/deploy.sh check                                     compile and lint the templates
#   infra/deploy.sh what-if   ENVIRONMENT RESOURCE_GROUP      what a deployment would change
#   infra/deploy.sh provision ENVIRONMENT RESOURCE_GROUP      deploy the resources; prints their outputs as NAME=VALUE
#   infra/deploy.sh release   RESOURCE_GROUP APP PACKAGE.zip  deploy the package, built by infra/package.py
#
# ENVIRONMENT names the file infra/parameters/ENVIRONMENT.parameters.json.
set -euo pipefail
started_in="$PWD"
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
  sed -n '2,9s/^# \{0,1\}//p' deploy.sh >&2
  exit 2
}

parameters() {
  local file="parameters/$1.parameters.json"
  if [[ ! -f $file ]]; then
    echo "There is no infra/$file." >&2
    exit 2
  fi
  echo "@$file"
}

check() {
  az bicep build --file main.bicep --stdout >/dev/null
  az bicep lint --file main.bicep
}

what_if() {
  local given
  given="$(parameters "$1")"
  az deployment group what-if --resource-group "$2" --template-file main.bicep --parameters "$given" \
    --exclude-change-types Ignore NoChange --only-show-errors
}

provision() {
  local given outputs
  given="$(parameters "$1")"
  outputs="$(az deployment group create --resource-group "$2" --template-file main.bicep --parameters "$given" \
    --name "account-sync-$1" --only-show-errors --output json --query properties.outputs)"
  python3 -c 'import json, shlex, sys
for name, output in sorted(json.loads(sys.argv[1]).items()):
    print(name.upper(), shlex.quote(output["value"]), sep="=")' "$outputs"
}

# Right after the first deployment a role may not be in force yet, and the app cannot read its package.
release() {
  local package attempt
  package="$(cd "$started_in" && realpath "$3")"
  for attempt in 1 2 3; do
    if az functionapp deployment source config-zip --resource-group "$1" --name "$2" --src "$package" \
      --build-remote false --timeout 600 --only-show-errors --output none; then
      return 0
    fi
    echo "Attempt $attempt failed." >&2
    sleep "${RELEASE_PAUSE_SECONDS:-60}"
  done
  return 1
}

case "${1:-} $#" in
  "check 1") check ;;
  "what-if 3") what_if "$2" "$3" ;;
  "provision 3") provision "$2" "$3" ;;
  "release 4") release "$2" "$3" "$4" ;;
  *) usage ;;
esac
