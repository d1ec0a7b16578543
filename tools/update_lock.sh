#!/usr/bin/env bash
# Writes requirements_lock.txt anew from requirements.in: one lock for Python 3.11 to 3.14 and every platform, with hashes.
set -euo pipefail

cd "$(dirname "$0")/.."
if ! command -v uv > /dev/null; then
  echo "update_lock: uv is missing; install it with: pip install uv" >&2
  exit 2
fi
# How it is resolved stands in pyproject.toml, so that whoever runs the command in the lock's first lines gets the same.
uv pip compile requirements.in --output-file=requirements_lock.txt --quiet "$@"
