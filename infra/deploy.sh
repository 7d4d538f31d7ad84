#!/usr/bin/env bash
# What both pipelines do, and what a person can do by hand. Needs the Azure CLI, signed in; runs from anywhere.
#
#   infra/deploy.sh check                                     compile, lint and compare with the formatter's form
#   infra/deploy.sh what-if   ENVIRONMENT RESOURCE_GROUP      what a deployment would change
#   infra/deploy.sh provision ENVIRONMENT RESOURCE_GROUP      deploy the resources; prints their outputs as NAME=VALUE
#   infra/deploy.sh health-key VAULT                          print the key that the smoke test asks with
#   infra/deploy.sh release   RESOURCE_GROUP APP PACKAGE.zip  deploy the package, built by infra/package.py
#
# ENVIRONMENT names the file infra/parameters/ENVIRONMENT.bicepparam.
set -euo pipefail
started_in="$PWD"
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
  sed -n '2,10s/^# \{0,1\}//p' deploy.sh >&2
  exit 2
}

parameters() {
  local file="parameters/$1.bicepparam"
  if [[ ! -f $file ]]; then
    echo "There is no infra/$file." >&2
    exit 2
  fi
  echo "$file"
}

check() {
  local file formatted
  az bicep build --file main.bicep --stdout >/dev/null
  az bicep lint --file main.bicep
  for file in parameters/*.bicepparam parameters/examples/*.bicepparam; do
    az bicep build-params --file "$file" --stdout >/dev/null
  done
  formatted="$(mktemp --directory)"
  for file in *.bicep *.bicepparam modules/*.bicep parameters/*.bicepparam parameters/examples/*.bicepparam; do
    mkdir -p "$formatted/$(dirname "$file")"
    az bicep format --file "$file" --outfile "$formatted/$file"
    diff --unified "$file" "$formatted/$file"
  done
  rm -r "$formatted"
}

what_if() {
  local given
  given="$(parameters "$1")"
  az deployment group what-if --resource-group "$2" --parameters "$given" \
    --exclude-change-types Ignore NoChange --only-show-errors
}

provision() {
  local given outputs
  given="$(parameters "$1")"
  outputs="$(az deployment group create --resource-group "$2" --parameters "$given" \
    --name "account-sync-$1" --only-show-errors --output json --query properties.outputs)"
  python3 -c 'import json, shlex, sys
for name, output in sorted(json.loads(sys.argv[1]).items()):
    print(name.upper(), shlex.quote(output["value"]), sep="=")' "$outputs"
}

# Right after the first deployment a role may not be in force yet: the app cannot read its package, and the
# deployer not the key.
patiently() {
  local attempt
  for attempt in 1 2 3; do
    if "$@"; then
      return 0
    fi
    echo "Attempt $attempt failed." >&2
    sleep "${RELEASE_PAUSE_SECONDS:-60}"
  done
  return 1
}

release() {
  local package
  package="$(cd "$started_in" && realpath "$3")"
  patiently az functionapp deployment source config-zip --resource-group "$1" --name "$2" --src "$package" \
    --build-remote false --timeout 600 --only-show-errors --output none
}

health_key() {
  patiently az keyvault secret show --vault-name "$1" --name health-key --query value --output tsv --only-show-errors
}

case "${1:-} $#" in
  "check 1") check ;;
  "what-if 3") what_if "$2" "$3" ;;
  "provision 3") provision "$2" "$3" ;;
  "health-key 2") health_key "$2" ;;
  "release 4") release "$2" "$3" "$4" ;;
  *) usage ;;
esac
