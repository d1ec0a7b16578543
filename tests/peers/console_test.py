"""The console in a real browser: every page and action, on a desk and on a phone, by mouse and by keyboard."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from tests.localcloud.deploy.world import LOCATION
from tests.peers.console_scene import Scene, target_id

from msp.localcloud import LocalCloud
from msp.localcloud.clock import ManualClock
from msp.localcloud.pytest_plugin import CloudThread

CHROMIUM = shutil.which("chromium")
DESK, PHONE = (1360, 900), (390, 844)
HOSTILE = "<img src=x onerror=document.title='owned'>"

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
def scene() -> Iterator[Scene]:
    with CloudThread(LocalCloud(seed=1, clock=ManualClock())) as cloud:
        scene = Scene(cloud)
        yield scene
        scene.close()


@pytest.fixture(params=[(DESK, "light")])
def page(request: pytest.FixtureRequest, browser: Browser, scene: Scene) -> Iterator[Page]:
    (width, height), scheme = request.param
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    asked: list[str] = []
    wrong: list[str] = []
    page.on("request", lambda each: asked.append(each.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    yield page
    page.close()
    assert [url for url in asked if not url.startswith(scene.cloud.http_url)] == []
    # Chromium reports a refused request too; the page has told its reader why.
    assert [each for each in wrong if not each.startswith("Failed to load resource")] == []


everywhere = pytest.mark.parametrize(
    "page",
    [(DESK, "light"), (DESK, "dark"), (PHONE, "light"), (PHONE, "dark")],
    ids=["desk light", "desk dark", "phone light", "phone dark"],
    indirect=True,
)


def visit(page: Page, scene: Scene, name: str = "") -> None:
    page.goto(f"{scene.cloud.http_url}/#/{name}")
    title = "Services" if not name or name.startswith("?") else name.partition("?")[0].rpartition("/")[2]
    expect(page.get_by_role("heading", level=1)).to_have_text(title)


def stage(page: Page, name: str) -> Locator:
    return page.locator(f".stage[data-target={target_id(name)}]")


def runs(page: Page, name: str) -> Locator:
    return stage(page, name).locator(".running .runs")


def press(page: Page, button: str, says: str | re.Pattern[str], yes: str) -> None:
    """Presses a button, reads what goes to what, and agrees."""
    page.get_by_role("button", name=button, exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".move")).to_have_text(says)
    dialog.get_by_role("button", name=yes, exact=True).click()
    expect(dialog).to_have_count(0)


def check_whole(page: Page) -> None:
    """Nothing goes beyond the page's right edge, and no text is cut."""
    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("innerWidth")
    cut = """() => [...document.querySelectorAll("body *:not(.unseen, .unseen *, .skip)")].filter((each) => {
        const style = getComputedStyle(each), box = each.getBoundingClientRect();
        return box.right > innerWidth + 1 || style.textOverflow === "ellipsis"
            || (style.overflowX !== "visible" && each.scrollWidth > each.clientWidth + 1);
    }).map((each) => each.outerHTML.slice(0, 200))"""
    assert page.evaluate(cut) == []


@everywhere
def test_every_page_shows_all_it_has_at_any_width(page: Page, scene: Scene) -> None:
    main = scene.fleet()
    width = page.viewport_size["width"] if page.viewport_size else 0
    is_dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    look = f"{'phone' if width < 500 else 'desk'}{'-dark' if is_dark else ''}"
    visit(page, scene)
    expect(page.locator("[data-service]").first).to_contain_text("checkout-us-central1-rollout")
    check_whole(page)
    keep(page, "local-cloud.png", look == "desk")
    keep(page, "local-cloud-phone.png", look == "phone-dark")
    visit(page, scene, main)
    expect(page.locator(".stage")).to_have_count(5)
    check_whole(page)
    tops = page.locator(".stage").evaluate_all("all => all.map(each => Math.round(each.getBoundingClientRect().top))")
    assert len(set(tops)) == (1 if width == DESK[0] else 5)
    keep(page, "local-cloud-service.png", look == "desk-dark")
    page.get_by_role("button", name="Roll back prod-us-central1").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    check_whole(page)
    keep(page.get_by_role("dialog"), "local-cloud-rollback.png", look == "desk")
    page.keyboard.press("Escape")
    visit(page, scene, f"{main}/releases/deploy-98c4d10aa37f-102")
    page.get_by_text("Manifest", exact=True).click()
    expect(page.locator(".layers li")).to_have_count(3)
    check_whole(page)
    keep(page, "local-cloud-release.png", look == "desk")


@pytest.mark.parametrize("page", [(DESK, "light"), (DESK, "dark")], indirect=True)
def test_text_stands_out_from_its_ground(page: Page, scene: Scene) -> None:
    main = scene.fleet()
    ground = "getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)"
    for name in ("", main, f"{main}/releases/deploy-77e0b6a1c2d3-104"):
        visit(page, scene, name)
        is_dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
        assert (max(page.evaluate(ground)) < 60) is is_dark
        # WCAG 2.2 AA wants 4.5 to 1.
        assert page.evaluate((Path(__file__).parent / "contrast.js").read_text()) == []


def test_the_fleet_begins_with_what_needs_a_person(page: Page, scene: Scene) -> None:
    visit(page, scene)
    expect(page.get_by_text("No delivery pipeline yet")).to_be_visible()
    scene.fleet()
    needs = page.get_by_role("region", name="Needs a person").locator("h3")
    expect(needs).to_have_text(["checkout-us-central1-rollout", "reports-us-central1-rollout"])
    others = page.get_by_role("region", name="All others").locator("h3")
    expect(others).to_have_text([f"{each}-us-central1-rollout" for each in ("accounts", "billing", "mail", "search")])
    checkout = page.locator("[data-service^=checkout]")
    expect(checkout.locator("[data-target^=dev] .marks")).to_have_text("failed deploy-77e0b6a1c2d3-104")
    prod = checkout.locator("[data-target^=prod]")
    expect(prod).to_contain_text("deploy-98c4d10aa37f-102")
    expect(prod.locator(".marks li")).to_have_text(
        ["needs approval deploy-b7720fe19c55-103", "held promote-from-canary"]
    )
    expect(prod.locator("time")).to_have_text(re.compile(r"^\d h ago$"))
    expect(page.locator("[data-service^=billing] [data-target^=qa] .marks")).to_have_text("frozen")
    expect(page.locator("[data-service^=reports] .about .marks li")).to_have_text(
        ["not ready missing: absent-us-central1", "suspended"]
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("MAIL", ["mail"]),
        ("deploy-accounts0000-41", ["accounts"]),
        ("98c4d10aa37f98c4d10a", ["checkout"]),
        ("grace hopper", ["checkout", "billing"]),
        ("time out", ["checkout"]),
        ("nobody", []),
    ],
)
def test_search_finds_services_releases_commits_and_authors(
    page: Page, scene: Scene, text: str, found: list[str]
) -> None:
    scene.fleet()
    visit(page, scene)
    page.keyboard.press("/")
    page.keyboard.type(text)
    expect(page.locator(".found")).to_have_text(f"{len(found)} of 6 services")
    expect(page.locator(".fleet h3")).to_have_text([f"{each}-us-central1-rollout" for each in found])
    # What is looked for is in the address: it can be sent to somebody, and is there again after a reload. Half of the
    # text may have found as much, so that what was found does not tell when all of it is there.
    page.wait_for_function(
        "text => decodeURIComponent(location.hash.replaceAll('+', ' ')).toLowerCase().includes(text)", arg=text.lower()
    )
    page.reload()
    expect(page.get_by_role("searchbox")).to_have_value(text)
    expect(page.locator(".found")).to_have_text(f"{len(found)} of 6 services")


def test_filters_and_pages(page: Page, scene: Scene) -> None:
    scene.fleet()
    for number in range(50):
        scene.service(f"more-{number:02d}", ("test",))
    visit(page, scene)
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_text("Page 2 of 2")).to_be_visible()
    expect(page.locator(".fleet > li")).to_have_count(6)
    page.get_by_role("link", name="Held 1").click()
    expect(page.locator(".fleet h3")).to_have_text(["checkout-us-central1-rollout"])
    expect(page.get_by_role("link", name="Held 1")).to_have_attribute("aria-current", "true")
    page.go_back()
    expect(page.get_by_text("Page 2 of 2")).to_be_visible()


def test_a_services_page_says_who_holds_what_and_until_when_it_is_frozen(page: Page, scene: Scene) -> None:
    main = scene.fleet()
    scene.freeze("quiet-days", "prod", "Few are here")
    visit(page, scene, main)
    expect(stage(page, "prod").locator(".stop")).to_have_text(
        [
            "frozen create, approve, advance until 2026-01-10 08:00 UTC by quiet-days, Grace Hopper: Few are here",
            "held automation promote-from-canary by Grace Hopper since 2026-01-05 09:30 UTC: INC-204",
        ]
    )
    expect(stage(page, "dev").locator(".reason")).to_have_text(
        "image us.gcr.io/demo/checkout:gone does not exist in the registry"
    )
    automations = page.get_by_role("region", name="Automations").get_by_role("listitem")
    expect(automations.first).to_contain_text("promotes from dev-us-central1 to test-us-central1, 1 h after success")
    third = page.locator("[data-release=deploy-b7720fe19c55-103]")
    expect(third.locator(".pill")).to_have_text(
        [*(target_id(each) for each in ("dev", "test", "staging", "canary")), "needs approval: prod-us-central1"]
    )
    third.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    expect(page).to_have_title("deploy-b7720fe19c55-103 · Local cloud")


def test_a_releases_page_says_what_it_is_and_where(page: Page, scene: Scene) -> None:
    main = scene.fleet()
    visit(page, scene, f"{main}/releases/deploy-98c4d10aa37f-102")
    facts = page.get_by_role("region", name="Release")
    for text in ("98c4d10aa37f98c4d10aa37f98c4d10aa37f98c4", "Grace Hopper", "ci@demo.iam.gserviceaccount.com", "main"):
        expect(facts).to_contain_text(text)
    build = facts.get_by_role("link", name="build 102")
    expect(build).to_have_attribute("href", "https://buildkite.com/demo/builds/102")
    expect(page.get_by_text("Retry payments that time out")).to_be_visible()
    image = page.get_by_role("region", name="Image")
    expect(image).to_contain_text(re.compile("us.gcr.io/demo/checkout@sha256:[0-9a-f]{64}"))
    expect(image).to_contain_text("2 layers, 23 kB, pushed 5 h ago, tagged v102")
    image.get_by_text("Manifest", exact=True).click()
    expect(image.get_by_role("listitem").nth(1)).to_contain_text(re.compile("layer 1sha256:[0-9a-f]{12}20 kB"))
    expect(page.get_by_role("region", name="Deploy parameters")).to_contain_text("customTarget/tagv102")
    expect(page.locator("[data-rollout]")).to_have_count(5)
    visit(page, scene, f"{main}/releases/deploy-77e0b6a1c2d3-104")
    expect(page.get_by_role("region", name="Image")).to_contain_text("not in the registry")
    failed = page.locator("[data-rollout=deploy-77e0b6a1c2d3-104-to-dev]")
    expect(failed.locator(".reason")).to_contain_text("does not exist in the registry (the job failed)")
    expect(failed.get_by_role("button", name="Retry")).to_be_visible()


def test_from_the_first_stage_to_the_last_and_back_by_clicking(page: Page, scene: Scene) -> None:
    scene.targets("test", "prod")
    service = scene.service("app", ("test", "prod"))
    scene.rollout(scene.release(service, "deploy-a-1", tag="v1"), "test", "prod")
    visit(page, scene, service)
    scene.release(service, "deploy-b-2", tag="v2", subject="Second")
    press(
        page, "Release deploy-b-2 to test-us-central1", "test-us-central1: deploy-a-1 →  goes to deploy-b-2", "Promote"
    )
    expect(runs(page, "test")).to_have_text("deploy-b-2")
    moved = "prod-us-central1: deploy-a-1 →  goes to deploy-b-2"
    press(page, "Promote deploy-b-2 to prod-us-central1", f"{moved}, after an approval", "Promote")
    expect(stage(page, "prod").locator(".rollouts .pill").first).to_have_text("needs approval")
    expect(runs(page, "prod")).to_have_text("deploy-a-1")
    press(page, "Approve deploy-b-2 for prod-us-central1", moved, "Approve")
    expect(runs(page, "prod")).to_have_text("deploy-b-2")
    expect(page.locator("#news")).to_contain_text("prod-us-central1 runs deploy-b-2")

    page.get_by_role("button", name="Roll back prod-us-central1").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".move")).to_have_text("prod-us-central1: deploy-b-2 →  goes to deploy-a-1, 1 rollout back")
    expect(dialog).to_contain_text("Takes back 1 release:deploy-b-2 Ada Lovelace: Second")
    dialog.get_by_label("Reason").fill("INC-7")
    dialog.get_by_role("button", name="Roll back").click()
    press(
        page, "Approve deploy-a-1 for prod-us-central1", "prod-us-central1: deploy-b-2 →  goes to deploy-a-1", "Approve"
    )
    expect(runs(page, "prod")).to_have_text("deploy-a-1")
    rollouts = scene.send("GET", f"v1/{service}/releases/deploy-a-1/rollouts", None)["rollouts"]
    back = next(each for each in rollouts if "rollbackOfRollout" in each)
    assert back["rollbackOfRollout"].endswith("/releases/deploy-b-2/rollouts/deploy-b-2-to-prod-us-central1-0001")
    assert (back["description"], back["annotations"]["reason"]) == ("INC-7", "INC-7")


def test_a_rollback_goes_to_the_last_good_release_whatever_failed_since(page: Page, scene: Scene) -> None:
    scene.targets("test")
    service = scene.service("app", ("test",))
    for number, tag in ((1, "v1"), (2, ""), (3, "v3"), (4, "")):
        scene.rollout(scene.release(service, f"deploy-r{number}-{number}", tag=tag), "test")
    visit(page, scene, service)
    press(
        page,
        "Roll back test-us-central1",
        "test-us-central1: deploy-r4-4 →  goes to deploy-r3-3, 1 rollout back",
        "Roll back",
    )
    expect(stage(page, "test").locator(".rollouts .of").first).to_have_text("↩ deploy-r3-3")
    visit(page, scene, f"{service}/releases/deploy-r1-1")
    press(
        page,
        "Roll test-us-central1 back to deploy-r1-1",
        "test-us-central1: deploy-r3-3 →  goes to deploy-r1-1, 4 rollouts back",
        "Roll back",
    )
    expect(page.locator(".places")).to_contain_text("runs in test-us-central1")


def test_rejected_retried_and_refused_by_keyboard(page: Page, scene: Scene) -> None:
    main = scene.fleet()
    visit(page, scene, main)
    reject = page.get_by_role("button", name="Reject deploy-b7720fe19c55-103 for prod-us-central1")
    reject.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("This rollout ends for good")
    expect(dialog.get_by_role("button", name="Not now")).to_be_focused()
    page.keyboard.press("Escape")
    expect(reject).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(stage(page, "prod").locator(".rollouts .pill").first).to_have_text("rejected")
    scene.push("checkout", "gone")
    moved = "dev-us-central1: deploy-b7720fe19c55-103 →  goes to deploy-77e0b6a1c2d3-104, deploy runs again"
    press(page, "Retry deploy of deploy-77e0b6a1c2d3-104 on dev-us-central1", moved, "Retry")
    expect(runs(page, "dev")).to_have_text("deploy-77e0b6a1c2d3-104")
    # What would be refused is said before anybody agrees to it.
    scene.send("PATCH", f"v1/{main}?updateMask=suspended", {"suspended": True})
    page.get_by_role("button", name="Promote deploy-77e0b6a1c2d3-104 to test-us-central1").press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("is suspended: no rollout can be created")
    expect(dialog.get_by_role("button")).to_have_text(["Close"])


def test_who_is_slower_is_told_and_rolls_nothing_back_twice(page: Page, scene: Scene) -> None:
    scene.targets("test")
    service = scene.service("app", ("test",))
    for number in (1, 2):
        scene.rollout(scene.release(service, f"deploy-r{number}-{number}", tag=f"v{number}"), "test")
    visit(page, scene, service)
    page.get_by_role("button", name="Roll back test-us-central1").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".move")).to_contain_text("deploy-r1-1")
    body = {"targetId": target_id("test"), "rolloutId": "another"}
    scene.send("POST", f"v1/{service}:rollbackTarget", body)
    dialog.get_by_role("button", name="Roll back").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Refused: the latest rollout in target 'test-us-central1' is")
    rollouts = scene.send("GET", f"v1/{service}/releases/-/rollouts", None)["rollouts"]
    assert len(rollouts) == 3


def test_an_older_release_or_a_frozen_stage_is_warned_of(page: Page, scene: Scene) -> None:
    scene.targets("test", "prod")
    service = scene.service("app", ("test", "prod"))
    first, second = (scene.release(service, f"deploy-r{number}-{number}", tag=f"v{number}") for number in (1, 2))
    scene.rollout(first, "test")
    scene.rollout(first, "prod", approve=False)
    scene.rollout(second, "prod")
    scene.freeze("closed", "prod", "Year-end")
    visit(page, scene, service)
    page.get_by_role("button", name="Approve deploy-r1-1 for prod-us-central1").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("deploy-r1-1 is older than deploy-r2-2: this puts the stage back.")
    expect(dialog).to_contain_text("prod-us-central1 is frozen by the policy closed.")
    dialog.get_by_role("button", name="Approve").click()
    expect(dialog.get_by_role("alert")).to_contain_text("restricts APPROVE on target 'prod-us-central1' now")
    expect(dialog.get_by_role("button", name="Approve")).to_be_focused()


def test_a_rollout_under_way_is_advanced_or_cancelled(page: Page, scene: Scene) -> None:
    scene.targets("test")
    service = scene.service("app", ("test",))
    canary = {"canary": {"canaryDeployment": {"percentages": [10], "verify": False}}}
    values = {"values": {"customTarget/image": "us.gcr.io/demo/app"}}
    stages = [{"targetId": target_id("test"), "strategy": canary, "deployParameters": [values]}]
    scene.send("PATCH", f"v1/{service}?updateMask=serialPipeline", {"serialPipeline": {"stages": stages}})
    for number in (1, 2):
        scene.rollout(scene.release(service, f"deploy-r{number}-{number}", tag=f"v{number}"), "test")
    visit(page, scene)
    expect(page.locator("[data-service] .marks")).to_have_text("waits to advance")
    visit(page, scene, service)
    expect(stage(page, "test").locator(".phases").first.get_by_role("listitem")).to_have_count(2)
    moved = "test-us-central1: deploy-r2-2 →  goes to deploy-r2-2, phase stable"
    press(page, "Advance deploy-r2-2 on test-us-central1 to stable", moved, "Advance")
    expect(stage(page, "test").locator(".rollouts .pill").first).to_have_text("succeeded")
    scene.rollout(scene.release(service, "deploy-r3-3", tag="v3"), "test")
    page.get_by_role("button", name="Cancel the rollout of deploy-r3-3 to test-us-central1").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the rollout").click()
    expect(stage(page, "test").locator(".rollouts .pill").first).to_have_text("cancelled")


@pytest.mark.parametrize("page", [(PHONE, "light")], indirect=True)
def test_hostile_text_is_text(page: Page, scene: Scene) -> None:
    scene.targets("test")
    service = scene.service("app", ("test",), description=HOSTILE)
    notes = {"author": HOSTILE * 3, "commit": HOSTILE, "subject": f"\u202e{HOSTILE}", "evil": "x" * 3_000}
    release = scene.release(service, "deploy-r1-1", tag="v1", build_url="javascript:document.title='owned'", **notes)
    scene.promotion(service, "test", held={"reason": HOSTILE, "by": HOSTILE})
    scene.freeze("closed", "test", HOSTILE)
    for name in ("", "?q=owned", service, release):
        visit(page, scene, name)
        expect(page.get_by_text(HOSTILE).first).to_be_visible()
        check_whole(page)
        assert page.locator("main img, a[href^=javascript]").count() == 0
        assert "owned" not in page.title().replace(HOSTILE, "")


@pytest.mark.parametrize("page", [(PHONE, "light")], indirect=True)
def test_what_others_do_shows_up_and_leaves_focus_scroll_and_words_alone(page: Page, scene: Scene) -> None:
    main = scene.fleet()
    visit(page, scene)
    search = page.get_by_role("searchbox")
    search.fill("checkout")
    expect(page.locator(".found")).to_have_text("1 of 6 services")
    search.evaluate("box => box.setSelectionRange(2, 5)")
    scene.release(main, "deploy-aa-105", author="Somebody", subject="checkout")
    scene.send("PATCH", f"v1/{main}?updateMask=description", {"description": "Buying"})
    expect(page.locator("[data-service^=checkout] .where")).to_contain_text("Buying")
    assert search.evaluate(
        "box => [box === document.activeElement, box.value, box.selectionStart, box.selectionEnd]"
    ) == [
        *(True, "checkout"),
        *(2, 5),
    ]
    visit(page, scene, main)
    button = page.get_by_role("button", name="Roll back prod-us-central1")
    button.scroll_into_view_if_needed()
    button.focus()
    at = page.evaluate("scrollY")
    held = button.element_handle()
    assert at > 0
    scene.release(main, "deploy-bb-106")
    expect(page.locator("[data-release=deploy-bb-106]")).to_be_visible()
    assert page.evaluate("scrollY") == at
    assert held.evaluate("each => each === document.activeElement && each.isConnected")


def test_what_is_not_there_is_said(page: Page, scene: Scene) -> None:
    page.goto(f"{scene.cloud.http_url}/#/{LOCATION}/deliveryPipelines/nowhere")
    expect(page.get_by_role("heading", level=1)).to_have_text("Not found")
    page.get_by_role("link", name="All services").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Services")
    expect(page.get_by_text("live", exact=True)).to_be_visible()


def keep(shown: Page | Locator, name: str, wanted: bool) -> None:
    """Keeps a picture in docs/, when asked to by UPDATE_SCREENSHOT=1."""
    if wanted and os.environ.get("UPDATE_SCREENSHOT"):
        shown.screenshot(path=Path(__file__).parents[2] / "docs" / name)
