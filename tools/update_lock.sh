#!/usr/bin/env bash
# Writes requirements_lock.txt anew from requirements.in: one lock for Python 3.11 to 3.14 and every platform, with hashes.
set -euo pipefail

cd "$(dirname "$0")/.."
if ! command -v uv > /dev/null; then
  echo "update_lock: uv is missing; install it with: pip install uv" >&2
  exit 2
fi
uv pip compile requirements.in \
  --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-header --no-annotate \
  --no-emit-index-url --no-emit-find-links \
  --quiet --output-file requirements_lock.txt "$@"
