printf 'deploying %s to %s in %s, %s\n' "$image" "$service" "$project" "$region"

code=0
gcloud run deploy "$service" --project="$project" --image="$image" --region="$region" --quiet 2>&1 |
  tee "$work/log" || code=${PIPESTATUS[0]}
if ((code != 0)); then
  fail "gcloud run deploy ended with exit code $code: $(tail -c 1500 "$work/log")"
fi

printf '{"resultStatus": "SUCCEEDED", "metadata": {"image": %s, "project": %s, "service": %s}}\n' \
  "$(json "$image")" "$(json "$project")" "$(json "$service")" >"$work/results.json"
upload "$work/results.json" results.json || fail 'deployed, but results.json could not be written to the output path'
