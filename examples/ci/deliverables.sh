#!/usr/bin/env bash
# Prints every deliverable of the monorepo, one label a line; with --json, as a JSON array.
#
# All of them, not only what a change affects: a delivery whose image the first stage already runs ends at once, with
# success and without a release. So what an earlier build failed to deliver is not missed, and nobody has to guess what
# is affected by files that a query doesn't know: lock files, patches, toolchains.
set -euo pipefail

# Bazel matches a list of tags as the text "[a, b]": this matches whole tags only. What is tagged manual as well is
# delivered by hand.
expression='attr(tags, "[\[ ]msp-deliverable[,\]]", //...) except attr(tags, "[\[ ]manual[,\]]", //...)'
labels=$(bazel query --noshow_progress --output=label "$expression")

# Labels go into commands, YAML and JSON: one that would need quoting there is refused.
if odd=$(grep --invert-match --extended-regexp '^[A-Za-z0-9@/:._+=,~-]*$' <<< "$labels"); then
  printf 'deliverables: rename what has more than letters, digits and @/:._+=,~- in its label:\n%s\n' "$odd" >&2
  exit 1
fi

mapfile -t deliverables < <(sort <<< "${labels:-}" | sed '/^$/d')
if [[ ${1:-} == --json ]]; then
  json=$(printf ',"%s"' "${deliverables[@]}")
  if ((${#deliverables[@]})); then echo "[${json#,}]"; else echo "[]"; fi
elif ((${#deliverables[@]})); then
  printf '%s\n' "${deliverables[@]}"
fi
