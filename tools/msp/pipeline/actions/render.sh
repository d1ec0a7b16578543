# The rendered manifest is what a reviewer compares in Cloud Deploy's console before a promotion.
cat >"$work/manifest.yaml" <<MANIFEST
apiVersion: serving.knative.dev/v1
kind: Service
metadata:
  name: $(json "$service")
  namespace: $(json "$project")
  labels:
    cloud.googleapis.com/location: $(json "$region")
spec:
  template:
    spec:
      containers:
        - image: $(json "$image")
MANIFEST
cat "$work/manifest.yaml"

upload "$work/manifest.yaml" manifest.yaml || fail 'the manifest could not be written to the output path'
printf '{"resultStatus": "SUCCEEDED", "manifestFile": %s, "metadata": {"image": %s}}\n' \
  "$(json "${CLOUD_DEPLOY_OUTPUT_GCS_PATH%/}/manifest.yaml")" "$(json "$image")" >"$work/results.json"
upload "$work/results.json" results.json || fail 'results.json could not be written to the output path'
