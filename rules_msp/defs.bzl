"""Public API of rules_msp."""

load("//rules_msp/private:pipeline.bzl", _msp_pipeline = "msp_pipeline")
load("//rules_msp/private:providers.bzl", _MspPipelineInfo = "MspPipelineInfo", _MspSpecInfo = "MspSpecInfo")
load("//rules_msp/private:spec.bzl", _msp_spec = "msp_spec", _msp_spec_test = "msp_spec_test")

MspPipelineInfo = _MspPipelineInfo
MspSpecInfo = _MspSpecInfo
msp_pipeline = _msp_pipeline
msp_spec = _msp_spec
msp_spec_test = _msp_spec_test
