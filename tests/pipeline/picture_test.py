"""The pictures and the page: everything that a reader needs is in them, and no name can break them."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest

from msp.pipeline.page import pipeline_md
from msp.pipeline.picture import duration, pipeline_mmd, pipeline_svg
from msp.pipeline.resources import resources
from msp.spec import Spec

MakeSpec = Callable[..., Spec]
STAGES = {"dev": 0, "staging": 90, "qa": None, "prod": None}


def texts(svg: str) -> list[str]:
    root = ET.fromstring(svg)  # noqa: S314 - our own text
    return [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]


def test_the_picture_says_what_promotes_to_what(make_spec: MakeSpec) -> None:
    spec = make_spec(STAGES)
    svg = pipeline_svg(spec, resources(spec, "us-central1"))
    shown = [text for text in texts(svg) if text not in {"test", "internal", "external"}]
    assert shown == [
        "msp-example",
        "msp-example-us-central1-rollout",
        "dev",
        "msp-example-dev-0000",
        "promoted at once after success",
        "staging",
        "msp-example-staging-0000",
        "promoted 1 minute 30 seconds after success",
        "qa",
        "msp-example-qa-0000",
        "promoted by hand",
        "prod",
        "msp-example-prod-0000",
    ]
    assert [text for text in texts(svg) if text in {"test", "internal", "external"}] == [
        "test",
        "internal",
        "external",
        "external",
    ]


def test_the_picture_is_legible_at_600_pixels_in_light_and_dark(make_spec: MakeSpec) -> None:
    spec = make_spec(STAGES)
    svg = pipeline_svg(spec, resources(spec, "us-central1"))
    root = ET.fromstring(svg)  # noqa: S314
    assert root.get("width") == "600"
    style = root.findtext("{http://www.w3.org/2000/svg}style") or ""
    assert min(int(size) for size in re.findall(r"font-size: (\d+)px", style)) >= 14
    light, dark = style.split("@media (prefers-color-scheme: dark)")
    for scheme in (light, dark):
        colours = dict(re.findall(r"^\.?([\w-]+)\s+\{[^}]*fill: (#[0-9a-f]{6})", scheme, re.MULTILINE))
        for ground in ("ground", "card"):
            assert contrast(colours["text"], colours[ground]) >= 7
            assert contrast(colours["small"], colours[ground]) >= 4.5
        for badge in ("test", "internal", "external", "suspended"):
            assert contrast(colours["badge"], colours[badge]) >= 4.5


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.2."""

    def luminance(colour: str) -> float:
        channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_a_suspended_pipeline_looks_suspended(make_spec: MakeSpec) -> None:
    spec = make_spec(rollout__suspended=True)
    made = resources(spec, "us-central1")
    assert "suspended" in texts(pipeline_svg(spec, made))
    assert "is suspended" in pipeline_mmd(spec, made, "")
    assert "**Suspended:**" in pipeline_md(spec, made, "")


def test_whose_approval_is_asked_for_is_shown(make_spec: MakeSpec) -> None:
    asked = {"required": True, "notAuthor": True}
    spec = make_spec(
        rollout__stages=[
            {"environment": "staging", "approval": {"required": True}},
            {"environment": "prod", "approval": asked},
        ]
    )
    made = resources(spec, "us-central1")
    shown = texts(pipeline_svg(spec, made))
    assert ("after approval" in shown, "after another's approval" in shown) == (True, True)
    assert "after another's approval" in pipeline_mmd(spec, made, "")
    page = pipeline_md(spec, made, "")
    assert "those to **staging** (after approval) and **prod** (after another's approval)." in page
    assert "gcloud deploy rollouts approve ROLLOUT --release=RELEASE " in page
    assert "approv" not in pipeline_md(make_spec(), resources(make_spec(), "us-central1"), "")


def test_a_rollout_that_the_page_names_is_one_that_cloud_deploy_takes(make_spec: MakeSpec) -> None:
    spec = make_spec({"staging-in-the-north": None, "prod": None}, service__id="a")
    page = pipeline_md(spec, resources(spec, "northamerica-northeast1"), "")
    rollouts = re.findall(r"--rollout-id=(\S+)", page)
    assert len(rollouts) == 3
    longest = "deploy-0123456789ab-20261122213005-dirty"
    assert max(len(rollout.replace("RELEASE", longest)) for rollout in rollouts) <= 63


def test_no_name_breaks_a_picture_or_the_page(make_spec: MakeSpec) -> None:
    name = '<b>"A" & |B|</b>'
    spec = make_spec(service__name=name, service__owners=["a|b`c", "<script>"])
    made = resources(spec, "us-central1")
    assert texts(pipeline_svg(spec, made))[0] == name
    page = pipeline_md(spec, made, "")
    assert "<script>" not in page
    assert "<b>" not in page
    assert {line.replace(r"\|", "").count("|") for line in page.splitlines() if line.startswith("| Owners")} == {3}


def test_mermaid_has_an_arrow_between_stages(make_spec: MakeSpec) -> None:
    spec = make_spec(STAGES)
    assert pipeline_mmd(spec, resources(spec, "us-central1"), "where from").splitlines() == [
        "%% where from",
        "flowchart TD",
        '    stage0["<b>dev</b> (test)<br/>msp-example-dev-0000"]',
        '    stage1["<b>staging</b> (internal)<br/>msp-example-staging-0000"]',
        '    stage2["<b>qa</b> (external)<br/>msp-example-qa-0000"]',
        '    stage3["<b>prod</b> (external)<br/>msp-example-prod-0000"]',
        '    stage0 -->|"promoted at once after success"| stage1',
        '    stage1 -->|"promoted 1 minute 30 seconds after success"| stage2',
        '    stage2 -.->|"promoted by hand"| stage3',
    ]


def test_the_page_tells_how_to_promote(make_spec: MakeSpec) -> None:
    spec = make_spec(STAGES, rollout__serviceAccount="ci@ci-project.iam.gserviceaccount.com")
    page = pipeline_md(spec, resources(spec, "us-central1"), "where from")
    where = "--delivery-pipeline=msp-example-us-central1-rollout --region=us-central1 --project=msp-example-prod-0000"
    for environment in ("staging", "qa", "prod"):
        command = f"gcloud deploy releases promote --release=RELEASE --to-target={environment}-us-central1 "
        assert f"{command}--rollout-id=RELEASE-to-{environment}-1 {where}" in page.splitlines()
    assert "`ci@ci-project.iam.gserviceaccount.com`: the CI's account" in page
    assert "https://console.cloud.google.com/deploy/delivery-pipelines/us-central1/msp-example" in page


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "1 second"), (60, "1 minute"), (3_661, "1 hour 1 minute 1 second"), (1_209_600, "14 days"), (0, "0 seconds")],
)
def test_a_duration_is_for_people(seconds: int, words: str) -> None:
    assert duration(seconds) == words
