"""Public API of rules_msp."""

load("//rules_msp/private:providers.bzl", _MspSpecInfo = "MspSpecInfo")
load("//rules_msp/private:spec.bzl", _msp_spec = "msp_spec", _msp_spec_test = "msp_spec_test")

MspSpecInfo = _MspSpecInfo
msp_spec = _msp_spec
msp_spec_test = _msp_spec_test
