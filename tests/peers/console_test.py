"""The console page in a real browser: promoted, approved, rejected and rolled back by clicking and by keyboard."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, expect, sync_playwright
from tests.localcloud.deploy.world import DIGEST, IMAGE, LOCATION, SKAFFOLD, Buckets, Images, archive

from msp.localcloud import LocalCloud
from msp.localcloud.pytest_plugin import CloudThread

CHROMIUM = shutil.which("chromium")
PIPELINE = f"{LOCATION}/deliveryPipelines/msp-example-us-central1-rollout"
DIGEST_2 = "sha256:" + "a4" * 32

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not on PATH")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    # Chromium keeps caches below HOME, which a sandboxed test may not write to.
    environment: dict[str, str | float | bool] = {**os.environ, "HOME": str(tmp_path_factory.mktemp("home"))}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
            env=environment,
        )
        yield browser
        browser.close()


@pytest.fixture
def cloud() -> Iterator[CloudThread]:
    images = Images({f"{IMAGE}:v1": DIGEST, f"{IMAGE}:v2": DIGEST_2})
    buckets = Buckets({"s/s.tar.gz": archive({"skaffold.yaml": SKAFFOLD})})
    with CloudThread(LocalCloud(seed=1, images=images, buckets=buckets)) as cloud:
        yield cloud


@pytest.fixture(params=["light"])
def page(request: pytest.FixtureRequest, browser: Browser, cloud: CloudThread) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme=request.param)
    asked: list[str] = []
    wrong: list[str] = []
    page.on("request", lambda each: asked.append(each.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.goto(cloud.http_url)
    yield page
    page.close()
    assert [url for url in asked if not url.startswith(cloud.http_url)] == []
    # Chromium reports a refused request too; the page has told its reader why.
    assert [each for each in wrong if not each.startswith("Failed to load resource")] == []


def post(cloud: CloudThread, path: str, body: Any) -> None:
    answer = requests.post(f"{cloud.http_url}/v1/{path}", json=body, timeout=10)
    assert answer.ok, answer.text
    cloud.settle()


def pipeline(cloud: CloudThread) -> None:
    actions = {"renderAction": "render-it", "deployAction": "deploy-it"}
    post(cloud, f"{LOCATION}/customTargetTypes?customTargetTypeId=run-service", {"customActions": actions})
    for stage in ("test", "staging", "prod"):
        target = {
            "requireApproval": stage == "prod",
            "customTarget": {"customTargetType": "run-service"},
            "deployParameters": {"customTarget/image": IMAGE},
        }
        post(cloud, f"{LOCATION}/targets?targetId={stage}-us-central1", target)
    stages = [{"targetId": f"{stage}-us-central1"} for stage in ("test", "staging", "prod")]
    body = {"description": "MSP Example", "serialPipeline": {"stages": stages}}
    post(cloud, f"{LOCATION}/deliveryPipelines?deliveryPipelineId={PIPELINE.rpartition('/')[2]}", body)


def release(cloud: CloudThread, release_id: str, tag: str) -> None:
    body = {
        "skaffoldConfigUri": "gs://s/s.tar.gz",
        "deployParameters": {"customTarget/tag": tag},
        "annotations": {"author": "Grace Hopper"},
    }
    post(cloud, f"{PIPELINE}/releases?releaseId={release_id}", body)


def stage(page: Page, name: str) -> Any:
    return page.locator(f"[data-target={name}-us-central1]")


def test_a_release_promoted_and_approved_by_clicking(page: Page, cloud: CloudThread) -> None:
    expect(page.get_by_text("No delivery pipeline yet")).to_be_visible()
    pipeline(cloud)
    release(cloud, "deploy-3f2a9c1b7d4e-101", "v1")
    page.get_by_role("button", name="Release deploy-3f2a9c1b7d4e-101 to test-us-central1").click()
    expect(stage(page, "test").locator(".running strong")).to_have_text("deploy-3f2a9c1b7d4e-101")
    page.get_by_role("button", name="Promote deploy-3f2a9c1b7d4e-101 to staging-us-central1").click()
    page.get_by_role("button", name="Promote deploy-3f2a9c1b7d4e-101 to prod-us-central1").click()
    expect(stage(page, "prod").locator(".pill")).to_have_text("needs approval")
    page.get_by_role("button", name="Approve deploy-3f2a9c1b7d4e-101 in prod-us-central1").click()
    expect(stage(page, "prod").locator(".running strong")).to_have_text("deploy-3f2a9c1b7d4e-101")
    expect(stage(page, "prod").locator(".image")).to_have_text("app@sha256:111111111111…")

    # What others do shows up by itself; a failed rollout says why, and can be retried.
    release(cloud, "deploy-98c4d10aa37f-102", "v2")
    for name in ("test", "staging", "prod"):
        rollout = {"targetId": f"{name}-us-central1"}
        post(cloud, f"{PIPELINE}/releases/deploy-98c4d10aa37f-102/rollouts?rolloutId=to-{name}", rollout)
    release(cloud, "deploy-77e0b6a1c2d3-103", "v3")
    page.get_by_role("button", name="Release deploy-77e0b6a1c2d3-103 to test-us-central1").click()
    expect(stage(page, "test").locator(".reason")).to_have_text(f"image {IMAGE}:v3 does not exist in the registry")
    expect(page.get_by_role("button", name="Retry deploy of deploy-77e0b6a1c2d3-103")).to_be_visible()
    keep(page, "local-cloud.png")


def test_rejected_and_rolled_back_by_keyboard(page: Page, cloud: CloudThread) -> None:
    pipeline(cloud)
    for release_id, tag in (("r1", "v1"), ("r2", "v2")):
        release(cloud, release_id, tag)
        for name in ("test", "prod"):
            post(
                cloud,
                f"{PIPELINE}/releases/{release_id}/rollouts?rolloutId=to-{name}",
                {"targetId": f"{name}-us-central1"},
            )
    reject = page.get_by_role("button", name="Reject r2 in prod-us-central1")
    reject.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("Reject r2?")
    page.keyboard.press("Escape")
    expect(stage(page, "prod").locator(".pill").first).to_have_text("needs approval")
    reject.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(stage(page, "prod").locator(".pill").first).to_have_text("rejected")
    page.get_by_role("button", name="Roll back test-us-central1").focus()
    page.keyboard.press("Space")
    page.get_by_role("dialog").get_by_role("button", name="Roll back").press("Enter")
    expect(stage(page, "test").locator(".running strong")).to_have_text("r1")


@pytest.mark.parametrize("page", ["dark"], indirect=True)
def test_dark_mode_and_an_error_that_is_said(page: Page, cloud: CloudThread) -> None:
    pipeline(cloud)
    release(cloud, "r1", "v1")
    button = page.get_by_role("button", name="Release r1 to test-us-central1")
    expect(button).to_be_visible()
    red, green, blue = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert max(red, green, blue) < 60
    url = f"{cloud.http_url}/v1/{PIPELINE}?updateMask=suspended"
    answer = requests.patch(url, json={"suspended": True}, timeout=10)
    assert answer.ok, answer.text
    expect(page.get_by_text("suspended", exact=True)).to_be_visible()
    button.click()
    expect(page.get_by_role("alert")).to_contain_text("is suspended: no rollout can be created")


def keep(page: Page, name: str) -> None:
    """Keeps a picture in docs/, when asked to by UPDATE_SCREENSHOT=1."""
    if os.environ.get("UPDATE_SCREENSHOT"):
        page.mouse.move(0, 0)
        page.evaluate("document.activeElement.blur()")
        page.screenshot(path=Path(__file__).parents[2] / "docs" / name)
