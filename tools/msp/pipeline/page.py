"""`pipeline.md`: a page for the service's handbook."""

import re
from collections.abc import Iterator
from itertools import pairwise

from msp import names
from msp.names.grammar import MAX_ID
from msp.pipeline.picture import approval, in_words, promotion
from msp.pipeline.resources import PipelineResources, promotes_automatically, suspended
from msp.spec import Spec

_LONGEST_RELEASE = len("deploy-0123456789ab-20261122213005-dirty")  # of a laptop; a CI's is shorter


def pipeline_md(spec: Spec, made: PipelineResources, comment: str) -> str:
    """Pipeline, stages, who may release, console links, how to promote and how to go back.

    Args:
        spec: The specification.
        made: Its resources.
        comment: What the file is made from.
    """
    sections = (_pipeline(spec, made), _stages(spec, made), _releasing(spec, made), _promoting(spec, made))
    head = f"<!-- {comment} -->\n\n# {_text(spec.service.name)}: delivery\n"
    return head + "".join("\n" + "\n".join(section) + "\n" for section in sections)


def _pipeline(spec: Spec, made: PipelineResources) -> Iterator[str]:
    pipeline = _id(made.delivery_pipeline.name)
    console = names.pipeline_console_url(made.project, made.region, pipeline)
    if suspended(spec):
        yield "> **Suspended:** the pipeline refuses new releases and rollouts (`rollout.suspended`)."
        yield ""
    yield f"![{_text(in_words(spec))}](pipeline.svg)"
    yield ""
    yield "| | |"
    yield "| --- | --- |"
    yield f"| Pipeline | [{pipeline}]({console}) |"
    yield f"| Project | `{made.project}` |"
    yield f"| Region | `{made.region}` |"
    yield f"| Image | `{spec.build.image}` |"
    yield f"| Source | `{_cell(spec.build.source.repo)}`, `{_cell(spec.build.source.dir)}` |"
    yield f"| Owners | {', '.join(_text(owner) for owner in spec.service.owners)} |"


def _stages(spec: Spec, made: PipelineResources) -> Iterator[str]:
    yield "## Stages"
    yield ""
    yield "| | Environment | Category | Cloud Run service | Target | A release is |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for number, (stage, environment) in enumerate(spec.stages, start=1):
        target = names.target_id(environment.id, made.region)
        service = names.run_service(spec.service.id, target)
        console = _run_console(environment.project_id, made.region, service)
        moves = promotion(stage) if number < len(spec.stages) else "at its end"
        asked = f", {approval(stage)}" if approval(stage) else ""
        yield (
            f"| {number} | {environment.id}{asked} | {environment.category} "
            f"| [{service}]({console}) in `{environment.project_id}` "
            f"| `{target}` | {moves} |"
        )


def _releasing(spec: Spec, made: PipelineResources) -> Iterator[str]:
    yield "## Who may release"
    yield ""
    yield "Whoever may act as one of these service accounts; every release records its author and commit."
    yield ""
    if spec.rollout is not None and spec.rollout.service_account:
        yield f"- `{spec.rollout.service_account}`: the CI's account (`rollout.serviceAccount`)"
    yield f"- `{names.releaser_account(made.project)}`: releases and promotions by hand, and automatic promotions"
    yield ""
    yield (
        f"Deployments are carried out by `{names.executor_account(made.project)}`. "
        "Every role that these accounts need, and why, is in `iam.yaml`."
    )


def _promoting(spec: Spec, made: PipelineResources) -> Iterator[str]:
    pipeline = _id(made.delivery_pipeline.name)
    where = f"--delivery-pipeline={pipeline} --region={made.region} --project={made.project}"
    yield "## Releasing, promoting, going back"
    yield ""
    first = spec.stages[0][1].id
    yield f"A release goes to **{first}** first: `bazel run` the service's `msp_delivery` target."
    for (stage, environment), (_, following) in pairwise(spec.stages):
        yield ""
        if promotes_automatically(stage):
            yield f"From **{environment.id}** to **{following.id}** it is {promotion(stage)}. To promote it sooner:"
        else:
            yield f"From **{environment.id}** to **{following.id}** someone promotes it:"
        yield ""
        target = names.target_id(following.id, made.region)
        yield from _shell(
            f"gcloud deploy releases promote --release=RELEASE --to-target={target} "
            f"--rollout-id={_rollout_id('to', following.id)} {where}"
        )
    yield from _approving(spec, where)
    yield ""
    yield "What was released, and where it is:"
    yield ""
    yield from _shell(f"gcloud deploy releases list {where}")
    yield ""
    yield "Back to an earlier release, stage by stage:"
    yield ""
    yield from _shell(
        *(
            f"gcloud deploy targets rollback {names.target_id(environment.id, made.region)} --release=RELEASE "
            f"--rollout-id={_rollout_id('back-to', environment.id)} {where}"
            for _, environment in reversed(spec.stages)
        )
    )
    yield ""
    yield (
        "RELEASE stands for a release's id. Name the one to go back to: left to itself, gcloud takes the second newest "
        "that succeeded, which is not the last good one when a newer one has failed. A rollout's id is used once: the "
        "second attempt ends in `-2`."
    )


def _approving(spec: Spec, where: str) -> Iterator[str]:
    asking = [f"**{environment.id}** ({asked})" for stage, environment in spec.stages if (asked := approval(stage))]
    if not asking:
        return
    yield ""
    yield f"Some rollouts wait until someone approves them: those to {' and '.join(asking)}."
    if any(stage.approval is not None and stage.approval.not_author for stage, _ in spec.stages):
        yield "Another's means not the commit's author; Cloud Deploy itself does not check that."
    yield ""
    yield from _shell(
        f"gcloud deploy rollouts list --release=RELEASE --filter=approvalState=NEEDS_APPROVAL {where}",
        f"gcloud deploy rollouts approve ROLLOUT --release=RELEASE {where}",
    )


def _rollout_id(word: str, environment_id: str) -> str:
    """What to call a rollout: gcloud's own name for it can pass what Cloud Deploy takes, and is then refused."""
    room = MAX_ID - _LONGEST_RELEASE - len(f"-{word}--1")
    return f"RELEASE-{word}-{environment_id[:room].rstrip('-')}-1"


def _shell(*commands: str) -> Iterator[str]:
    yield "```sh"
    yield from commands
    yield "```"


def _run_console(project: str, region: str, service: str) -> str:
    return f"https://console.cloud.google.com/run/detail/{region}/{service}?project={project}"


def _id(name: str) -> str:
    return name.rpartition("/")[2]


def _text(text: str) -> str:
    """Text in Markdown as it is: on one line, none of its characters formats anything."""
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~&])", r"\\\1", " ".join(text.split()))


def _cell(text: str) -> str:
    """Text inside backquotes in a table's cell."""
    return " ".join(text.split()).replace("`", "'").replace("|", r"\|")
