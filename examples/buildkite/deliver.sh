#!/usr/bin/env bash
# Adds a step to the running build for each deliverable. Services are released in parallel, one service's builds one by one.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)

step() {
  cat << STEP
  - label: ":rocket: $1"
    command: bazel run $1 -- --if_newer
    # One at a time. A group goes by when its steps were added, which is no order of builds: where an older build's tests
    # took longer, its delivery comes after a newer one's, sees that by itself, and ends well (--if_newer).
    concurrency: 1
    concurrency_group: deliver $1
    timeout_in_minutes: 60
    retry:
      automatic:
        # The agent was lost. Run again, a delivery takes up what stands.
        - exit_status: -1
          limit: 2
    plugins:
      - gcp-workload-identity-federation#v1.1.0:
          audience: $GCP_WORKLOAD_IDENTITY_AUDIENCE
          service-account: $GCP_SERVICE_ACCOUNT
STEP
}

labels=$("$here/../ci/deliverables.sh")
if [[ -z $labels ]]; then
  echo "Nothing here can be delivered: no target has the tag msp-deliverable."
  exit
fi
mapfile -t deliverables <<< "$labels"
echo "Delivering ${#deliverables[@]}"

# Buildkite takes up to 500 steps at once.
for ((from = 0; from < ${#deliverables[@]}; from += 500)); do
  {
    echo "steps:"
    for label in "${deliverables[@]:from:500}"; do step "$label"; done
  } | buildkite-agent pipeline upload --no-interpolation
done
