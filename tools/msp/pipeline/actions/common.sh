set -euo pipefail
export LC_ALL=C # one byte, one character: what is printable does not depend on the image's locale

# Everything below arrives from Cloud Deploy as environment variables: its own, and the deploy parameters, whose
# `customTarget/tag` becomes CLOUD_DEPLOY_customTarget_tag.
# https://cloud.google.com/deploy/docs/custom-targets#required_inputs_and_outputs

reason='' # why this action failed; whoever exits with an error has set it, or the trap says what it knows
work=$(mktemp -d)

# A JSON string, quotes included. Bytes that are not printable ASCII become '?', which keeps the file valid.
json() {
  local text=$1
  text=${text//\\/\\\\}
  text=${text//\"/\\\"}
  text=${text//$'\n'/\\n}
  text=${text//$'\t'/\\t}
  text=${text//[^[:print:]]/?}
  printf '"%s"' "$text"
}

fail() {
  reason=$1
  printf 'error: %s\n' "$reason" >&2
  exit 1
}

# Copies a local file to a name below the output path. Tells nothing but whether it worked.
upload() {
  gcloud storage cp --quiet "$1" "${CLOUD_DEPLOY_OUTPUT_GCS_PATH%/}/$2"
}

# The last word of every action: without results.json, Cloud Deploy knows only that a container stopped.
finish() {
  local code=$?
  trap - EXIT TERM INT
  if ((code != 0)); then
    if [[ ${CLOUD_DEPLOY_OUTPUT_GCS_PATH:-} == gs://* ]]; then
      printf '{"resultStatus": "FAILED", "failureMessage": %s}\n' \
        "$(json "${reason:-stopped with exit code $code; see the log}")" >"$work/results.json"
      upload "$work/results.json" results.json || printf 'error: results.json could not be written\n' >&2
    fi
  fi
  rm -rf "$work"
  exit "$code"
}
trap finish EXIT
trap 'reason="cancelled"; exit 143' TERM INT

require() {
  local name missing=()
  for name in "$@"; do
    [[ -n ${!name:-} ]] || missing+=("$name")
  done
  ((${#missing[@]} == 0)) || fail "not set: ${missing[*]}; check the target's and the release's deploy parameters"
}

# matches VARIABLE PATTERN: the whole value must match, so that nothing odd reaches a command line.
matches() {
  local pattern="^$2\$"
  [[ ${!1} =~ $pattern ]] || fail "$1 is not valid: ${!1@Q}"
}

require CLOUD_DEPLOY_OUTPUT_GCS_PATH CLOUD_DEPLOY_TARGET CLOUD_DEPLOY_LOCATION CLOUD_DEPLOY_customTarget_serviceID \
  CLOUD_DEPLOY_customTarget_image CLOUD_DEPLOY_customTarget_projectID
matches CLOUD_DEPLOY_OUTPUT_GCS_PATH 'gs://[[:graph:]]+'
matches CLOUD_DEPLOY_TARGET '[a-z][a-z0-9-]*'
matches CLOUD_DEPLOY_LOCATION '[a-z][a-z0-9-]*'
matches CLOUD_DEPLOY_customTarget_serviceID '[a-z][a-z0-9-]*'
matches CLOUD_DEPLOY_customTarget_image '[a-z0-9][a-z0-9._:/-]*'
matches CLOUD_DEPLOY_customTarget_projectID '([a-z0-9.-]+:)?[a-z][a-z0-9-]*'

service="$CLOUD_DEPLOY_customTarget_serviceID-$CLOUD_DEPLOY_TARGET"
project=$CLOUD_DEPLOY_customTarget_projectID
region=$CLOUD_DEPLOY_LOCATION

# By digest where the release has one, so that every stage runs what the first one ran, bit for bit.
if [[ -n ${CLOUD_DEPLOY_customTarget_digest:-} ]]; then
  matches CLOUD_DEPLOY_customTarget_digest 'sha256:[0-9a-f]{64}'
  image="$CLOUD_DEPLOY_customTarget_image@$CLOUD_DEPLOY_customTarget_digest"
else
  require CLOUD_DEPLOY_customTarget_tag
  matches CLOUD_DEPLOY_customTarget_tag '[A-Za-z0-9_][A-Za-z0-9._-]{0,127}'
  image="$CLOUD_DEPLOY_customTarget_image:$CLOUD_DEPLOY_customTarget_tag"
fi
