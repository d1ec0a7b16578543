"""What `msp_delivery` says in a package that has no target `image`, and that nobody else is told so."""

load("@bazel_skylib//lib:unittest.bzl", "analysistest", "asserts")
load("//rules_msp:defs.bzl", "MspDeliveryInfo", "msp_delivery")

_ATTRIBUTES = {
    "gcp_project": "msp-example-prod-0000",
    "msp_service_id": "msp-example",
    "repository": "us.gcr.io/sourcegraph-dev/msp-example",
    "tags": ["manual"],
}

def _told_test_impl(ctx):
    env = analysistest.begin(ctx)
    asserts.expect_failure(
        env,
        "//tests/rules/delivery/no_image:default: the package has no target \":image\", which is what image is if it is " +
        "not set: set image to an oci_image or oci_image_index of rules_oci, an image of rules_img, or a directory that " +
        "is an OCI layout (where \"image\" is such a directory in the sources: image = \"image\")",
    )
    return analysistest.end(env)

_told_test = analysistest.make(_told_test_impl, expect_failure = True)

def _taken_test_impl(ctx):
    env = analysistest.begin(ctx)
    layout = analysistest.target_under_test(env)[MspDeliveryInfo].layout
    asserts.equals(env, "tests/rules/delivery/" + ctx.attr.layout, layout.short_path)
    return analysistest.end(env)

_taken_test = analysistest.make(_taken_test_impl, attrs = {"layout": attr.string()})

def no_image_test_suite(name):
    """All tests of a missing image.

    Args:
        name: Name of the suite.
    """
    msp_delivery(name = "default", **_ATTRIBUTES)
    _told_test(name = "default_test", target_under_test = ":default")

    # A directory in the sources is taken where it is named.
    msp_delivery(name = "directory", image = "image", **_ATTRIBUTES)
    _taken_test(name = "directory_test", layout = "no_image/image", target_under_test = ":directory")

    msp_delivery(
        name = "selected",
        image = select({"//conditions:default": "//tests/rules/delivery:image"}),
        **_ATTRIBUTES
    )
    _taken_test(name = "selected_test", layout = "image", target_under_test = ":selected")
    native.test_suite(name = name, tests = ["default_test", "directory_test", "selected_test"])
