"""The providers, field by field."""

MspDeliveryInfo = provider(
    doc = "What a service's delivery pushes and where it releases to.",
    fields = {
        "config": "File: what the delivery tool is told, as JSON; with a specification it exists only when both agree.",
        "gcp_project": "string: id of the project that the pipeline and its releases live in.",
        "gcp_region": "string: region of the pipeline, such as `us-central1`.",
        "layout": "File: the image, a directory that is an OCI layout; None where another target pushes it.",
        "msp_service_id": "string: id of the service, such as `msp-example`.",
        "repository": "string: where the image is pushed, without tag or digest.",
        "runfiles": "runfiles: the configuration and all that it names.",
    },
)

MspPipelineInfo = provider(
    doc = "A delivery pipeline, generated from a service's specification.",
    fields = {
        "clouddeploy": "File: `clouddeploy.yaml`, the resources for `gcloud deploy apply`.",
        "gcp_region": "string: the Google Cloud region of the pipeline: `us-central1`.",
        "iam": "File: `iam.yaml`, who needs which role where, one binding a row.",
        "mermaid": "File: `pipeline.mmd`, a picture of the stages for Mermaid.",
        "page": "File: `pipeline.md`, a page for the service's handbook.",
        "skaffold": "File: `skaffold.yaml`, the actions that render and deploy.",
        "source": "File: `source.tar.gz`, the archive that releases name; it holds `skaffold.yaml`.",
        "spec": "MspSpecInfo: the specification that it was generated from.",
        "svg": "File: `pipeline.svg`, a picture of the stages.",
        "terraform": "File: `pipeline.tf.json`, all of it for Terraform's google provider.",
    },
)

MspSpecInfo = provider(
    doc = "A service specification that was checked: building anything that uses it fails when it is not valid.",
    fields = {
        "canonical_json": """File: the resolved specification as canonical JSON on one line (defaults filled in, \
aliases expanded, keys sorted), which exists only for a valid one.""",
        "file": "File: the specification as it was written.",
    },
)

MspSpecReportInfo = provider(
    doc = "What the check of a service specification said; made without failing, also for one that is not valid.",
    fields = {
        "junit": "File: the result as a JUnit report, with one case that is named for the specification.",
        "log": "File: what is wrong, or that nothing is, as text.",
    },
)
