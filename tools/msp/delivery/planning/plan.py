"""What a deployment will do, as a value: every name, label, annotation and parameter, before anything is asked."""

import base64
import dataclasses
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from msp import names
from msp.ci.build import Build
from msp.delivery.planning import fit
from msp.delivery.planning.overrides import AS_BUILT, Overrides, as_list
from msp.delivery.target.config import DeliveryConfig
from msp.delivery.target.rollout import SpecifiedRollout
from msp.errors import UsageError
from msp.names.grammar import TAG_RULE, is_tag
from msp.names.references import Repository


@dataclass(frozen=True)
class ReleasePlan:
    """A release and its first rollout.

    Attributes:
        target: The Bazel label of what is deployed.
        project: The Google Cloud project of pipeline and release: `msp-example-prod-0000`.
        region: The region of pipeline and release: `us-central1`.
        pipeline: The delivery pipeline's id: `msp-example-us-central1-rollout`.
        stages: The targets' ids in order, as far as they are known before the pipeline is read; else empty.
        release: The release's id: `deploy-0123456789ab-42`.
        image: The repository: `us.gcr.io/sourcegraph-dev/msp-example`.
        tag: The image's tag: `0123456789ab_42`.
        digest: The image's digest, `sha256:…`; empty where only a push program's registry will tell. Nothing else in a
            plan is made of it: what a release says of it is derived.
        source_uri: What the release is rendered from: `gs://msp-example-prod-0000-cloudrun-skaffold/source.tar.gz`.
        description: The release's description, for people: the first line of the commit's message.
        labels: The release's labels: `{"commit": "0123456789abcdef…"}`.
        build_annotations: The release's annotations, but for the digest's: `{"author": "Ada Lovelace", …}`.
        build: Whose build it is, and of which commit.
        rerun: The command that takes this deployment up again, wherever it is run.
        make_pipeline: The command that makes the pipeline, for hints.
        tools: The package of the tools' targets, as the user's repository writes it, for hints: `@rules_msp//tools`.
        notes: What was made to fit, and what is worth knowing, a sentence each.
        local_cloud: The local cloud that this goes to: `http://127.0.0.1:8080`; empty for Google's.
        action_image: What is to render and deploy, as `SpecifiedRollout` has it; None where there is no specification.
    """

    target: str
    project: str
    region: str
    pipeline: str
    stages: tuple[str, ...]
    release: str
    image: str
    tag: str
    digest: str
    source_uri: str
    description: str
    labels: Mapping[str, str]
    build_annotations: Mapping[str, str]
    build: Build = field(repr=False)
    rerun: str
    make_pipeline: str
    tools: str
    notes: tuple[str, ...] = ()
    local_cloud: str = ""
    action_image: str | None = None

    @property
    def reference(self) -> str:
        """The image with its tag, and with its digest where that is known."""
        return f"{self.image}:{self.tag}" + (f"@{self.digest}" if self.digest else "")

    @property
    def annotations(self) -> dict[str, str]:
        """The release's annotations."""
        return {**self.build_annotations, **({"digest": self.digest} if self.digest else {})}

    @property
    def parameters(self) -> dict[str, str]:
        """The release's deploy parameters."""
        digest = {names.DIGEST_PARAMETER: self.digest} if self.digest else {}
        return {names.TAG_PARAMETER: self.tag, **digest}

    @property
    def pipeline_name(self) -> str:
        """The pipeline's full name."""
        return names.pipeline_name(self.project, self.region, self.pipeline)

    @property
    def release_name(self) -> str:
        """The release's full name."""
        return names.release_name(self.project, self.region, self.pipeline, self.release)

    @property
    def pipeline_url(self) -> str:
        """The pipeline's page in Google Cloud's console, or the local cloud's page."""
        return self._page(names.pipeline_console_url(self.project, self.region, self.pipeline))

    @property
    def release_url(self) -> str:
        """The release's page in Google Cloud's console, or the local cloud's page."""
        return self.release_page(self.release)

    def release_page(self, release: str) -> str:
        """As `release_url`, of another release of the pipeline: `deploy-0123456789ab-41`."""
        quoted = quote(release, safe="", errors="replace")
        return self._page(names.release_console_url(self.project, self.region, self.pipeline, quoted))

    def _page(self, at_google: str) -> str:
        return f"{self.local_cloud}/" if self.local_cloud else at_google

    def as_attempt(self, number: int) -> "ReleasePlan":
        """The same as the build's second release, third, …: `deploy-0123456789ab-42-r2`."""
        return dataclasses.replace(self, release=fit.with_suffix(self.release, f"-r{number}")) if number > 1 else self

    def typed(self, verb: str, *flags: str) -> str:
        """The command for a verb about this service: `bazel run //svc:msp_deploy.ops -- promote --stage=prod`."""
        cloud = self.local_cloud.removeprefix("http://")
        return names.verb_command(names.bazel_run(f"{self.target}.ops"), verb, *flags, local_cloud=cloud)

    @property
    def rerun_beside(self) -> str:
        """The command that releases this image beside another one of the same commit and build number."""
        suffix = f"-{self.digest.removeprefix('sha256:')[:8]}"
        flags = f"--tag={self.tag}{suffix}", f"--release={fit.with_suffix(self.release, suffix)}"
        return f"{self.rerun} {shlex.join(flags)}"


def plan(
    config: DeliveryConfig,
    build: Build,
    *,
    digest: str = "",
    rollout: SpecifiedRollout | None = None,
    overrides: Overrides = AS_BUILT,
    local_cloud: str = "",
) -> ReleasePlan:
    """What delivering this build of this service means. Pure: asks nothing, changes nothing.

    Args:
        config: The service, as its target says.
        build: The commit, its number and author, as the CI or git says.
        digest: The image's, `sha256:…`; empty where it isn't known yet.
        rollout: What the service's specification says of its rollout; None where it has no specification.
        overrides: What was asked for besides.
        local_cloud: The local cloud that is used: `http://127.0.0.1:8080`; empty for Google's.

    Raises:
        UsageError: There is no way to make a name of what is given: a commit that is none, a region that isn't one.
    """
    names.check_region(config.gcp_region)
    Repository.parse(config.repository)
    if overrides.tag and not is_tag(overrides.tag):
        raise UsageError(f"--tag: {overrides.tag!r} is not a tag", hint=TAG_RULE)
    number = fit.fit_build_number(build.build_number)
    release = fit.fit_id(overrides.release) if overrides.release else names.release_id(build.commit, number)
    tag = overrides.tag or names.image_tag(build.commit, number)
    description = fit.fit_description(build.subject)
    wanted_labels = _merged({"commit": build.commit}, overrides.labels, "label")
    wanted_annotations = _merged(_annotations(config, build, tag), overrides.annotations, "annotation")
    labels, label_changes = fit.fit_labels(wanted_labels)
    annotations, annotation_changes = fit.fit_annotations(wanted_annotations)
    changes = [
        *_changed("build number", build.build_number, number),
        *_changed("release", overrides.release or release, release),
        *label_changes,
        *annotation_changes,
    ]
    dirty = ("the checkout has changes that are in no commit: the image may hold them",) if build.dirty else ()
    return ReleasePlan(
        target=config.target,
        project=config.gcp_project,
        region=config.gcp_region,
        pipeline=names.pipeline_id(config.msp_service_id, config.gcp_region),
        stages=tuple(names.target_id(each, config.gcp_region) for each in (rollout.environments if rollout else ())),
        release=release,
        image=config.repository,
        tag=tag,
        digest=digest,
        source_uri=names.source_uri(config.gcp_project),
        description=description,
        labels=labels,
        build_annotations=annotations,
        build=build,
        rerun=_rerun(config, build, overrides, local_cloud),
        make_pipeline=config.make_pipeline(local_cloud),
        tools=config.tools,
        notes=(*map(str, changes), *dirty),
        local_cloud=local_cloud,
        action_image=rollout.action_image if rollout else None,
    )


def _rerun(config: DeliveryConfig, build: Build, overrides: Overrides, local_cloud: str) -> str:
    flags = {
        "commit": build.commit,
        "build_number": build.build_number,
        "tag": overrides.tag,
        "release": overrides.release,
        "labels": as_list(overrides.labels),
        "annotations": as_list(overrides.annotations),
        "local_cloud": local_cloud.removeprefix("http://"),
    }
    given = [shlex.quote(f"--{name}={value}") for name, value in flags.items() if value]
    return shlex.join(["bazel", "run", config.target, "--"]) + " " + " ".join(given)


def _changed(field: str, given: str, sent: str) -> list[fit.Adjustment]:
    return [fit.Adjustment(field, given, sent)] if given != sent else []


def _annotations(config: DeliveryConfig, build: Build, tag: str) -> dict[str, str]:
    wanted = {
        "commit": build.commit,
        "author": build.author,
        "commit_message_base64": _base64(build.subject),
        "image": f"{config.repository}:{tag}",
        "branch": build.branch,
        "build_number": build.build_number,
        "build_url": build.build_url,
        "target": config.target,
    }
    return {key: value for key, value in wanted.items() if value}


def _base64(subject: str) -> str:
    # Cut before it is encoded, so that what is left can be decoded; fit_annotations would cut anywhere.
    content = subject.encode(errors="replace")[: fit.MAX_ANNOTATION_BYTES * 3 // 4]
    return base64.b64encode(content.decode(errors="ignore").encode()).decode()


def _merged(own: Mapping[str, str], asked: Mapping[str, str], what: str) -> dict[str, str]:
    # `digest` is the plan's to add.
    if taken := sorted(key for key in asked if key in own or (key == "digest" and what == "annotation")):
        raise UsageError(
            f"{what} {taken[0]!r} is set by every release, and can't be given another value",
            hint=f"choose another name in --{what}s",
        )
    return {**own, **asked}
