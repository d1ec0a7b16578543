"""Which service a command is about, and how a person types commands about it."""

from dataclasses import dataclass

from msp import names
from msp.errors import UsageError
from msp.rollouts.facts import Facts, Stage
from msp.text import harmless

ANY_SERVICE = names.bazel_run("@rules_msp//tools:msp")
"""What a person types before a verb where no BUILD file has the service."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service in one region.

    Attributes:
        project: The project of its pipeline: `msp-example-prod-0000`.
        region: `us-central1`.
        id: `msp-example`; empty where all of the project and region are meant.
        image: The label that its image is built from: `//svc:image`; empty where no BUILD file said so.
        command: What a person types before a verb: `bazel run //svc:msp_deploy.ops --`, or
            `bazel run @rules_msp//tools:msp --`.
        by_target: Whether `command` says which service it is about.
        local_cloud: `127.0.0.1:8080`, where that stands for Google; empty otherwise.
    """

    project: str
    region: str
    id: str
    image: str = ""
    command: str = ANY_SERVICE
    by_target: bool = False
    local_cloud: str = ""

    @property
    def called(self) -> str:
        """What a person calls it: its id, or where all those are that are meant."""
        return self.id or f"{self.project}, {self.region}"

    @property
    def pipeline_id(self) -> str:
        """The pipeline's id: `msp-example-us-central1-rollout`."""
        return names.pipeline_id(self.id, self.region)

    @property
    def pipeline(self) -> str:
        """The pipeline's full name."""
        return names.pipeline_name(self.project, self.region, self.pipeline_id)

    @property
    def location(self) -> str:
        """The parent of pipelines, targets and policies: `projects/p/locations/us-central1`."""
        return names.location_name(self.project, self.region)

    def release_name(self, release: str) -> str:
        """The full name of a release."""
        return names.release_name(self.project, self.region, self.pipeline_id, release)

    def rollout_name(self, release: str, rollout: str) -> str:
        """The full name of a rollout."""
        return names.rollout_name(self.project, self.region, self.pipeline_id, release, rollout)

    def typed(self, verb: str, *flags: str) -> str:
        """The command for a verb, for the shell: `bazel run //svc:msp_deploy.ops -- rollback --stage=prod`."""
        which = () if self.by_target else (self.id, f"--project={self.project}", f"--region={self.region}")
        return names.verb_command(self.command, verb, *filter(None, which), *flags, local_cloud=self.local_cloud)

    def stage(self, facts: Facts, name: str) -> Stage:
        """The stage that a person means.

        Args:
            facts: With the pipeline.
            name: The environment's id (`prod`), or the target's (`prod-us-central1`).

        Raises:
            UsageError: The pipeline has no such stage; the error names those that it has.
        """
        stages = facts.pipeline.stages
        for stage in stages:
            if name in {stage.target, environment(stage, self.region)}:
                return stage
        known = ", ".join(environment(each, self.region) for each in stages) or "none"
        raise UsageError(
            f"--stage={harmless(name)}: {self.id} has no such stage", hint=f"its stages are, in order: {known}"
        )


def environment(stage: Stage, region: str) -> str:
    """The environment that a stage deploys to, as people call the stage: `prod` for `prod-us-central1`."""
    return names.environment_id(stage.target, region)
