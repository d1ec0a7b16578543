#!/usr/bin/env bash
# Checks every BUILD and .bzl file with buildifier (format and lint), or with --fix mends them.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
cd "$here/../.."

buildifier=$(type -P buildifier || true)
if [[ -z $buildifier ]]; then
  if ! type -P npm > /dev/null; then
    if [[ $(id -u) == 0 ]] && type -P apt-get > /dev/null; then
      apt-get update -qq && apt-get install --yes -qq --no-install-recommends npm > /dev/null
    else
      echo "buildifier: neither buildifier nor npm is on PATH; install one of them" >&2
      exit 2
    fi
  fi
  npm ci --ignore-scripts --prefix "$here" --no-audit --no-fund --silent
  buildifier=$here/node_modules/.bin/buildifier
fi

mode=(-mode=check -lint=warn)
if [[ ${1:-} == --fix ]]; then mode=(-mode=fix -lint=fix); fi
git ls-files -z --cached --others --exclude-standard '*.bzl' '*BUILD.bazel' '*MODULE.bazel' |
  xargs -0 "$buildifier" "${mode[@]}"
