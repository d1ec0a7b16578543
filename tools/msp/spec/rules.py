"""The rules across fields of a specification."""

from collections.abc import Callable, Iterator, Set
from typing import Final

from msp.spec import cloud_run, freeze_rules
from msp.spec.facts import Facts
from msp.spec.messages import Finding, nearest
from msp.spec.node import Node, Path
from msp.spec.patterns import quoted

DISPLAY_NAME_LENGTH: Final = 30
"""Longest display name of a Google Cloud project (https://cloud.google.com/resource-manager/reference/rest/v1/projects)."""

_SERVICE_SETTINGS: Final = ("domain", "authentication", "healthProbes", "startupProbe", "livenessProbe")
"""Fields of an environment that say how a service is reached and probed."""

Rule = Callable[[Facts], Iterator[Finding]]


def check(root: Node, broken: Set[Path]) -> Iterator[Finding]:
    """Everything that fields, each right by itself, get wrong together.

    Args:
        root: The root node of the document.
        broken: Fields that something is wrong with already; no rule builds upon them.
    """
    facts = Facts(root, broken)
    for rule in _RULES:
        yield from rule(facts)


def _environment_ids_are_unique(facts: Facts) -> Iterator[Finding]:
    first: dict[str, Path] = {}
    for path in _environments(facts):
        if (name := facts.text(*path, "id")) is None:
            continue
        if name in first:
            line = facts.line(*first[name], "id")
            yield Finding((*path, "id"), f"{quoted(name)} is the id of the environment on line {line} already")
        else:
            first[name] = path


def _projects_are_named_for_their_environment(facts: Facts) -> Iterator[Finding]:
    service = facts.text("service", "id")
    for path in _environments(facts):
        project, environment = facts.text(*path, "projectID"), facts.text(*path, "id")
        if project is None:
            continue
        wrong = []
        if service is not None and not project.startswith(f"{service}-"):
            wrong.append(f"begin with {quoted(f'{service}-')}")
        if environment is not None and f"-{environment}-" not in project:
            wrong.append(f"contain {quoted(f'-{environment}-')}")
        if wrong:
            pattern = f"{service or '{service id}'}-{environment or '{environment id}'}-{{suffix}}"
            message = f"{quoted(project)} must {' and '.join(wrong)}; projects are named {quoted(pattern)}"
            yield Finding((*path, "projectID"), message)


def _display_names_fit(facts: Facts) -> Iterator[Finding]:
    named = facts.has("service", "name")
    service = facts.text("service", "name") if named else facts.text("service", "id")
    for path in _environments(facts):
        environment = facts.text(*path, "id")
        if service is None or environment is None:
            continue
        display_name = f"{service} - {environment}"
        if (excess := len(display_name) - DISPLAY_NAME_LENGTH) > 0:
            shorten = "`service.name` or this id" if named else "this id, or give the service a shorter `service.name`"
            yield Finding(
                (*path, "id"),
                f"the project's display name {quoted(display_name)} has {len(display_name)} characters, "
                f"{excess} too many; shorten {shorten}",
            )


def _stages_name_environments(facts: Facts) -> Iterator[Finding]:
    """Says nothing of a name that may be that of an environment whose id is missing or wrong."""
    ids = {name: path for path in _environments(facts) if (name := facts.text(*path, "id"))}
    certain = len(ids) == len(list(_environments(facts))) > 0
    for path in _stages(facts):
        name = facts.text(*path, "environment")
        if name is None or (name not in ids and not certain):
            continue
        if name not in ids:
            close = nearest(name, list(ids))
            known = ", ".join(quoted(known) for known in ids) or "none"
            hint = f"did you mean {quoted(close)}?" if close else f"known are {known}"
            yield Finding((*path, "environment"), f"there is no environment {quoted(name)}; {hint}")
        elif (kind := facts.text(*ids[name], "deploy", "type")) not in {None, "rollout"}:
            line = facts.line(*ids[name], "deploy", "type")
            yield Finding(
                (*path, "environment"),
                f"{quoted(name)} is deployed by {quoted(kind or '')}; write `type: rollout` on line {line}, "
                "or remove the stage",
            )


def _no_environment_has_two_stages(facts: Facts) -> Iterator[Finding]:
    first: dict[str, Path] = {}
    for path in _stages(facts):
        if (name := facts.text(*path, "environment")) is None:
            continue
        if name in first:
            line = facts.line(*first[name], "environment")
            yield Finding((*path, "environment"), f"{quoted(name)} is the stage on line {line} already; remove one")
        else:
            first[name] = path


def _no_stage_follows_an_external_one_that_is_none(facts: Facts) -> Iterator[Finding]:
    """What is tried out has to be tried before it reaches the outside."""
    categories = {
        name: facts.text(*path, "category") for path in _environments(facts) if (name := facts.text(*path, "id"))
    }
    external, before = "", set[str]()
    for path in _stages(facts):
        name = facts.text(*path, "environment") or ""
        category = categories.get(name)
        if category == "external":
            external = external or name
        elif external and category and name not in before:  # a stage that is there twice is told as such
            message = (
                f"{quoted(name)} is {quoted(category)}, but follows {quoted(external)}, which is `external`: releases "
                f"would reach the outside first; move this stage before that of {quoted(external)}"
            )
            yield Finding((*path, "environment"), message)
        before.add(name)


def _rollout_environments_have_a_stage(facts: Facts) -> Iterator[Finding]:
    """Says nothing where a stage or its name is missing or wrong: that environment may be the one it means."""
    stages = {facts.text(*path, "environment") for path in _stages(facts)}
    if facts.has("rollout") and (None in stages or not stages):
        return
    ids = [name for path in _environments(facts) if (name := facts.text(*path, "id"))]
    stages |= {nearest(name, ids) for name in stages if name and name not in ids}
    for path in _environments(facts):
        name = facts.text(*path, "id")
        if name is None or name in stages or facts.text(*path, "deploy", "type") != "rollout":
            continue
        if facts.has("rollout"):
            advice = f"add `- environment: {name}` to `rollout.stages`, or choose another type"
        elif close := nearest("rollout", [field for field in facts.fields() if field not in {"service", "build"}]):
            advice = f"there is no `rollout`; {quoted(close)} on line {facts.line(close)} looks like it"
        else:
            advice = f"there is no `rollout`; add `rollout: {{ stages: [{{ environment: {name} }}] }}`"
        yield Finding((*path, "deploy", "type"), f"{quoted(name)} is in no stage of the rollout; {advice}")


def _targets_can_be_named(facts: Facts) -> Iterator[Finding]:
    """A target is named `{environment id}-{region}`, and begins with a letter, as every name in Cloud Deploy."""
    for path in _environments(facts):
        name = facts.text(*path, "id")
        if name and facts.text(*path, "deploy", "type") == "rollout" and not name[0].isalpha():
            message = f"{quoted(name)} must begin with a letter, as the name of its target in Cloud Deploy does"
            yield Finding((*path, "id"), message)


def _promotions_have_somewhere_to_go(facts: Facts) -> Iterator[Finding]:
    *_, last = ((), *_stages(facts))
    if last and facts.has(*last, "promotionStrategy"):
        message = "this is the last stage, from which nothing is promoted; remove `promotionStrategy`"
        yield Finding((*last, "promotionStrategy"), message, at_key=True)


def _promotions_say_how(facts: Facts) -> Iterator[Finding]:
    for stage in _stages(facts):
        path = (*stage, "promotionStrategy")
        kind, automatic = facts.text(*path, "type"), facts.has(*path, "automatic")
        if kind == "automatic" and not automatic:
            message = "type `automatic` needs to know when; add `automatic: { delaySeconds: 1 }`"
            yield Finding((*path, "type"), message)
        elif automatic and kind not in {None, "automatic"}:
            message = f"is only for type `automatic`, not {quoted(kind or '')}; write `type: automatic`, or remove it"
            yield Finding((*path, "automatic"), message, at_key=True)


def _approvals_by_another_are_approvals(facts: Facts) -> Iterator[Finding]:
    for stage in _stages(facts):
        path = (*stage, "approval")
        if facts.switch(*path, "notAuthor") and facts.switch(*path, "required") is False:
            message = "asks for an approval that is not required; write `approval: { required: true, notAuthor: true }`"
            yield Finding((*path, "notAuthor"), message, at_key=True)


def _deploys_say_how(facts: Facts) -> Iterator[Finding]:
    for environment in _environments(facts):
        path = (*environment, "deploy")
        kind = facts.text(*path, "type")
        if kind == "subscription" and not facts.has(*path, "subscription"):
            message = "type `subscription` needs to know which tag; add `subscription: { tag: insiders }`"
            yield Finding((*path, "type"), message)
        for other in ("manual", "subscription"):
            if kind not in {None, other} and facts.has(*path, other):
                message = f"is only for type `{other}`, not {quoted(kind or '')}; write `type: {other}`, or remove it"
                yield Finding((*path, other), message, at_key=True)


def _jobs_have_no_rollouts_and_no_service_settings(facts: Facts) -> Iterator[Finding]:
    if facts.text("service", "kind") != "job":
        return
    for path in _environments(facts):
        if facts.text(*path, "deploy", "type") == "rollout":
            message = "a job can't be deployed by `rollout`; write `manual` or `subscription`"
            yield Finding((*path, "deploy", "type"), message)
        for setting in (*((name,) for name in _SERVICE_SETTINGS), ("instances", "scaling")):
            if facts.has(*path, *setting):
                yield Finding((*path, *setting), "is for services only, and this is a job; remove it", at_key=True)


def _instances_get_what_cloud_run_gives(facts: Facts) -> Iterator[Finding]:
    for environment in _environments(facts):
        path = (*environment, "instances", "resources")
        cpu, memory = facts.number(*path, "cpu"), facts.text(*path, "memory")
        if memory is None:
            continue
        gibibytes = cloud_run.gibibytes(memory)
        if complaint := cloud_run.memory_complaint(gibibytes):
            yield Finding((*path, "memory"), f"{quoted(memory)} {complaint}")
        elif cpu is not None:
            for name, complaint in cloud_run.complaints(cpu, gibibytes):
                yield Finding((*path, name), complaint)


def _environments(facts: Facts) -> Iterator[Path]:
    return facts.items("environments")


def _stages(facts: Facts) -> Iterator[Path]:
    return facts.items("rollout", "stages")


_RULES: Final[tuple[Rule, ...]] = (
    _environment_ids_are_unique,
    _projects_are_named_for_their_environment,
    _display_names_fit,
    _stages_name_environments,
    _no_environment_has_two_stages,
    _no_stage_follows_an_external_one_that_is_none,
    _rollout_environments_have_a_stage,
    _targets_can_be_named,
    _promotions_have_somewhere_to_go,
    _promotions_say_how,
    _approvals_by_another_are_approvals,
    _deploys_say_how,
    _jobs_have_no_rollouts_and_no_service_settings,
    _instances_get_what_cloud_run_gives,
    *freeze_rules.RULES,
)
