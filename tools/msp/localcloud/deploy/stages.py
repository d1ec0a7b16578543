"""A release's own view of the pipeline: its stages, targets and parameters, as they were when it was created."""

from collections.abc import Iterator, Sequence

from msp.localcloud.caller import project_number
from msp.localcloud.deploy import messages as pb
from msp.localcloud.deploy import names
from msp.localcloud.deploy.conditions import custom_type_name
from msp.localcloud.status import failed_precondition, not_found


def stage(release: "pb.Release", target_id: str) -> "pb.Stage":
    """The stage of a target, or of the multi-target that the target is a child of.

    Raises:
        ApiError: `FAILED_PRECONDITION`: the pipeline has no such target.
    """
    for each in release.delivery_pipeline_snapshot.serial_pipeline.stages:
        if target_id == each.target_id or target_id in target(release, each.target_id).multi_target.target_ids:
            found: pb.Stage = each
            return found
    raise failed_precondition(
        f"target {target_id!r} is no stage of the pipeline as the release '{release.name}' knows it"
    )


def target_ids(release: "pb.Release") -> list[str]:
    """The targets of the stages, in order."""
    return [each.target_id for each in release.delivery_pipeline_snapshot.serial_pipeline.stages]


def target(release: "pb.Release", target_id: str) -> "pb.Target":
    """The target's snapshot.

    Raises:
        ApiError: `NOT_FOUND`.
    """
    for each in release.target_snapshots:
        if each.target_id == target_id:
            found: pb.Target = each
            return found
    raise not_found(names.target(release.name, target_id))


def custom_type(release: "pb.Release", target: "pb.Target") -> "pb.CustomTargetType | None":
    """The snapshot of a custom target's type; `None` when the target is of another kind."""
    if not target.HasField("custom_target"):
        return None
    wanted = custom_type_name(target)
    found: pb.CustomTargetType | None = next(
        (each for each in release.custom_target_type_snapshots if each.name == wanted), None
    )
    return found


def following(release: "pb.Release", target_id: str) -> str | None:
    """The target of the next stage, or `None` after the last."""
    order = target_ids(release)
    at = order.index(target_id) if target_id in order else len(order)
    return order[at + 1] if at + 1 < len(order) else None


def parameters(release: "pb.Release", target_id: str) -> dict[str, str]:
    """The deploy parameters of a deploy to a target: the target's, the stage's, the release's; later ones win."""
    own = target(release, target_id)
    merged = dict(own.deploy_parameters)
    for entry in stage(release, target_id).deploy_parameters:
        if all(own.labels.get(key) == value for key, value in entry.match_target_labels.items()):
            merged.update(entry.values)
    merged.update(release.deploy_parameters)
    return merged


def executor(target: "pb.Target", project: str) -> str:
    """The service account that deploys to a target: the one it names for that, or Compute Engine's of the project."""
    usage = pb.ExecutionConfig.ExecutionEnvironmentUsage.DEPLOY
    configs = [config for config in target.execution_configs if usage in config.usages and config.service_account]
    return configs[0].service_account if configs else f"{project_number(project)}-compute@developer.gserviceaccount.com"


def actions(strategy: "pb.Strategy") -> Iterator[str]:
    """The custom actions that a strategy's predeploy and postdeploy jobs run."""
    for hooks in _hooks(strategy):
        yield from hooks.predeploy.actions
        yield from hooks.postdeploy.actions


def verifies(strategy: "pb.Strategy") -> bool:
    """Whether a phase of the strategy has a verify job."""
    return any(hooks.verify for hooks in _hooks(strategy))


def _hooks(strategy: "pb.Strategy") -> Sequence["pb.Standard"]:
    """What has `verify`, `predeploy` and `postdeploy` in a strategy."""
    canary = strategy.canary
    return [strategy.standard, canary.canary_deployment, *canary.custom_canary_deployment.phase_configs]


def phases(strategy: "pb.Strategy") -> list["pb.Phase"]:
    """The phases of a rollout with a strategy, with their jobs, all pending.

    A canary's predeploy job stands in its first phase, its postdeploy job in the stable one; each phase of a custom
    canary says for itself.
    """
    canary = strategy.canary
    mode = canary.WhichOneof("mode")
    if strategy.WhichOneof("deployment_strategy") != "canary" or mode is None:
        return [_phase("stable", strategy.standard, first=True, final=True)]
    if mode == "custom_canary_deployment":
        configs = canary.custom_canary_deployment.phase_configs
        return [_phase(config.phase_id, config, first=True, final=True) for config in configs]
    ids = [*(f"canary-{percentage}" for percentage in canary.canary_deployment.percentages), "stable"]
    return [
        _phase(phase_id, canary.canary_deployment, first=number == 0, final=number == len(ids) - 1)
        for number, phase_id in enumerate(ids)
    ]


def _phase(phase_id: str, hooks: "pb.Standard", *, first: bool, final: bool) -> "pb.Phase":
    phase = pb.Phase(id=phase_id, state=pb.Phase.State.PENDING)
    jobs = phase.deployment_jobs
    jobs.deploy_job.CopyFrom(job("deploy"))
    if first and hooks.predeploy.actions:
        jobs.predeploy_job.CopyFrom(job("predeploy"))
        jobs.predeploy_job.predeploy_job.actions.extend(hooks.predeploy.actions)
    if hooks.verify:
        jobs.verify_job.CopyFrom(job("verify"))
    if final and hooks.postdeploy.actions:
        jobs.postdeploy_job.CopyFrom(job("postdeploy"))
        jobs.postdeploy_job.postdeploy_job.actions.extend(hooks.postdeploy.actions)
    return phase


def child_phases(own: Sequence["pb.Phase"], children: Sequence[str], creating: int) -> list["pb.Phase"]:
    """The phases of a rollout to a multi-target.

    Args:
        own: The phases that its strategy has.
        children: The ids of its children.
        creating: The number of the phase that creates the children's rollouts; those after it advance them.
    """
    made = []
    for number, phase in enumerate(own):
        controlling = pb.Phase(id=phase.id, state=pb.Phase.State.PENDING)
        jobs = controlling.child_rollout_jobs
        jobs.SetInParent()
        for child in children:
            if number <= creating:
                jobs.create_rollout_jobs.append(job("create_child_rollout", f"create-rollout-{child}"))
            else:
                jobs.advance_rollout_jobs.append(job("advance_child_rollout", f"advance-rollout-{child}"))
        made.append(controlling)
    return made


def job(kind: str, job_id: str = "") -> "pb.Job":
    """A pending job of a kind; kinds are `predeploy`, `deploy`, …, `create_child_rollout`, `advance_child_rollout`."""
    made = pb.Job(id=job_id or kind, state=pb.Job.State.PENDING)
    getattr(made, f"{kind}_job").SetInParent()
    return made


def jobs(phase: "pb.Phase") -> list["pb.Job"]:
    """The jobs of a phase, in the order in which they run."""
    if phase.HasField("child_rollout_jobs"):
        return [*phase.child_rollout_jobs.create_rollout_jobs, *phase.child_rollout_jobs.advance_rollout_jobs]
    own = phase.deployment_jobs
    order = ("predeploy_job", "deploy_job", "verify_job", "postdeploy_job")
    return [getattr(own, name) for name in order if own.HasField(name)]
