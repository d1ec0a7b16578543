"""Delivers the services of a monorepo through Google Cloud Deploy.

A service is an image, a specification of where it runs, and one call:

```starlark
load("@rules_msp//rules_msp:defs.bzl", "msp_delivery", "msp_spec")

msp_spec(
    name = "spec",
    src = "service.yaml",
)

msp_delivery(
    name = "msp_deploy",
    gcp_project = "msp-example-prod-0000",
    msp_service_id = "msp-example",
    repository = "us.gcr.io/sourcegraph-dev/msp-example",
    spec = ":spec",
)
```

`bazel test //svc/...` checks the specification; `bazel run //svc:msp_deploy.local` plays the rollout on this machine;
`bazel run //svc:msp_deploy` pushes the image and releases it to the first stage.
"""

load("//rules_msp/private:delivery.bzl", _msp_delivery = "msp_delivery")
load("//rules_msp/private:pipeline.bzl", _msp_pipeline = "msp_pipeline")
load(
    "//rules_msp/private:providers.bzl",
    _MspDeliveryInfo = "MspDeliveryInfo",
    _MspPipelineInfo = "MspPipelineInfo",
    _MspSpecInfo = "MspSpecInfo",
)
load("//rules_msp/private:spec.bzl", _msp_spec = "msp_spec", _msp_spec_test = "msp_spec_test")

msp_delivery = _msp_delivery
msp_pipeline = _msp_pipeline
msp_spec = _msp_spec
msp_spec_test = _msp_spec_test

MspDeliveryInfo = _MspDeliveryInfo
MspPipelineInfo = _MspPipelineInfo
MspSpecInfo = _MspSpecInfo
