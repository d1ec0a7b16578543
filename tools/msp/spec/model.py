"""The service specification (`service.yaml`) as frozen models: what each field is, and what it may hold by itself.

Names in the file are camelCase, attributes are snake_case. Rules across fields are in `rules.py`. A model in which
other tools have fields too keeps those as they are written; one that belongs to this project alone refuses them.
"""

import json
import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from msp.spec import patterns
from msp.spec.freeze import Freeze
from msp.spec.parts import MAX_ITEMS, Owned, Shared, Switch, Text

MAX_DELAY_SECONDS = 14 * 24 * 60 * 60
"""The longest that Cloud Deploy waits before it promotes: 14 days (https://cloud.google.com/deploy/docs/automation-rules)."""


class Service(Shared):
    """What the service is and who owns it."""

    id: Annotated[Text, patterns.SERVICE_ID] = Field(
        description="Identifier of the service: lower-case letters, digits and hyphens, at most 20. "
        "Names of the delivery pipeline and of the projects begin with it.",
        examples=["msp-example"],
    )
    name: Annotated[Text, patterns.FILLED] = Field(
        default_factory=lambda fields: fields["id"],
        description="Name for people; the id when absent.",
        examples=["MSP Example"],
    )
    owners: tuple[Annotated[Text, patterns.FILLED], ...] = Field(
        min_length=1,
        strict=False,
        description="Teams or people responsible for the service; at least one.",
        examples=[["core-services"]],
    )
    description: Annotated[Text, patterns.DESCRIPTION] = Field(
        description="What the service does, in a sentence or two; `TODO` is not a description.",
        examples=["Answers questions about examples."],
    )
    kind: Literal["service", "job"] = Field(
        default="service",
        description="`service` answers requests; `job` runs and ends, and can't be delivered by rollouts.",
        examples=["service"],
    )
    protocol: Literal["h2c"] | None = Field(
        default=None,
        description="Protocol other than HTTP/1 that the service speaks: `h2c` for HTTP/2 without TLS, as gRPC needs.",
        examples=["h2c"],
    )


class Source(Shared):
    """Where the service's code lives."""

    repo: Annotated[Text, patterns.FILLED] = Field(
        description="Repository of the code, without scheme.", examples=["github.com/sourcegraph/sourcegraph"]
    )
    dir: Annotated[Text, patterns.FILLED] = Field(
        description="Directory of the service in the repository.", examples=["cmd/msp-example"]
    )


class Build(Shared):
    """Which image the service runs, and what it is built from."""

    image: Annotated[Text, patterns.IMAGE] = Field(
        description="Repository of the container image, without tag or digest: releases bring those.",
        examples=["us.gcr.io/sourcegraph-dev/msp-example"],
    )
    source: Source = Field(
        description="Where the service's code lives.",
        examples=[{"repo": "github.com/sourcegraph/sourcegraph", "dir": "cmd/msp-example"}],
    )


class Automatic(Owned):
    """How an automatic promotion goes."""

    delay_seconds: int = Field(
        ge=0,
        le=MAX_DELAY_SECONDS,
        description="Seconds to wait after a successful deployment before promoting to the next stage; "
        "0 to 1209600 (14 days).",
        examples=[1],
    )


class PromotionStrategy(Owned):
    """How a release moves from a stage to the next one."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"type": {"const": "automatic"}}, "required": ["type"]},
            "then": {"required": ["automatic"]},
            "else": {"properties": {"automatic": False}},
        }
    )

    type: Literal["manual", "automatic"] = Field(
        description="`manual`: someone promotes; `automatic`: promoted by itself after `automatic.delaySeconds`.",
        examples=["automatic"],
    )
    automatic: Automatic | None = Field(
        default=None,
        description="Required with type `automatic`, and only there.",
        examples=[{"delaySeconds": 1}],
    )


class Approval(Owned):
    """Who has to agree before a release reaches a stage."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"notAuthor": {"const": True}}, "required": ["notAuthor"]},
            "then": {"properties": {"required": {"const": True}}},
        }
    )

    required: Switch = Field(
        description="True makes every rollout to the stage wait until someone approves it; false lets rollouts pass, "
        "also where approval was set by hand.",
        examples=[True],
    )
    not_author: Switch | None = Field(
        default=None,
        description="True asks for someone else than the commit's author; only with `required: true`. Our own tools "
        "refuse an author's approval, Cloud Deploy itself can't. When absent, what is live stays.",
        examples=[True],
    )


class Stage(Owned):
    """One stage of the rollout."""

    environment: Annotated[Text, patterns.FILLED] = Field(
        description="Id of the environment that this stage deploys to; its `deploy.type` is `rollout`.",
        examples=["staging"],
    )
    promotion_strategy: PromotionStrategy | None = Field(
        default=None,
        description="How a release moves on to the next stage; manually when absent. Not for the last stage.",
        examples=[{"type": "automatic", "automatic": {"delaySeconds": 1}}],
    )
    approval: Approval | None = Field(
        default=None,
        description="Whether rollouts to this stage wait for someone's approval. When absent, what is live stays, "
        "and a new target asks for none.",
        examples=[{"required": True}],
    )


class Rollout(Owned):
    """How releases roll out through environments."""

    stages: tuple[Stage, ...] = Field(
        min_length=1,
        max_length=MAX_ITEMS,
        strict=False,
        description="The stages that a release passes, in order; at least one, no environment twice, and none of "
        "category `test` or `internal` after an `external` one.",
        examples=[[{"environment": "staging"}, {"environment": "prod"}]],
    )
    service_account: Annotated[Text, patterns.SERVICE_ACCOUNT] | None = Field(
        default=None,
        description="Email of the service account that may create releases: the one that the CI runs as.",
        examples=["ci@ci-project.iam.gserviceaccount.com"],
    )
    suspended: Switch | None = Field(
        default=None,
        description="True makes the pipeline refuse new releases and rollouts; false lets them pass again. "
        "When absent, what is live stays, and a new pipeline is not suspended.",
        examples=[False],
    )
    freezes: tuple[Freeze, ...] | None = Field(
        default=None,
        max_length=MAX_ITEMS,
        strict=False,
        description="Times in which nothing is released, by people or by automations; rolling back stays possible.",
        examples=[
            [
                {
                    "name": "holidays",
                    "reason": "Nobody is there to mend what a release breaks.",
                    "from": "2026-12-20",
                    "until": "2027-01-04",
                }
            ]
        ],
    )
    initial_image_tag: Annotated[Text, patterns.TAG] = Field(
        default="insiders",
        description="Tag that a new environment runs before its first release.",
        examples=["insiders"],
    )
    action_image: Annotated[Text, patterns.PINNED_IMAGE] | None = Field(
        default=None,
        description="Image that renders and deploys, pinned by its digest: it needs bash and gcloud. When absent, one "
        "of Google's that is pinned by a version's tag.",
        examples=[f"gcr.io/google.com/cloudsdktool/google-cloud-cli@sha256:{'0123456789abcdef' * 4}"],
    )


class Manual(Owned):
    """What an environment runs that is deployed by hand."""

    tag: Annotated[Text, patterns.TAG] = Field(default="insiders", description="Tag to deploy.", examples=["insiders"])


class Subscription(Owned):
    """What an environment runs that follows a tag."""

    tag: Annotated[Text, patterns.TAG] = Field(
        description="Tag to follow: what it points to is deployed.", examples=["insiders"]
    )


class Deploy(Owned):
    """How revisions get into an environment."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [
                {
                    "if": {"properties": {"type": {"const": "subscription"}}, "required": ["type"]},
                    "then": {"required": ["subscription"]},
                    "else": {"properties": {"subscription": False}},
                },
                {
                    "if": {"properties": {"type": {"const": "manual"}}, "required": ["type"]},
                    "else": {"properties": {"manual": False}},
                },
            ]
        }
    )

    type: Literal["manual", "subscription", "rollout"] = Field(
        description="`manual`: a tag set here; `subscription`: follows a tag; `rollout`: a stage of `rollout.stages`.",
        examples=["rollout"],
    )
    manual: Manual | None = Field(default=None, description="For type `manual` only.", examples=[{"tag": "insiders"}])
    subscription: Subscription | None = Field(
        default=None,
        description="Required with type `subscription`, and only there.",
        examples=[{"tag": "insiders"}],
    )


class InstanceResources(Shared):
    """What each instance gets. Cloud Run's minimums of one for the other are checked too."""

    cpu: int | None = Field(default=None, ge=1, le=8, description="Number of CPUs, 1 to 8.", examples=[1])
    memory: Annotated[Text, patterns.MEMORY] | None = Field(
        default=None, description="Memory, 512Mi to 32Gi.", examples=["512Mi"]
    )


class Instances(Shared):
    """How the machines look that run the service."""

    resources: InstanceResources | None = Field(
        default=None, description="What each instance gets.", examples=[{"cpu": 1, "memory": "512Mi"}]
    )


class Environment(Shared):
    """One place that the service runs in: a Google Cloud project of its own."""

    id: Annotated[Text, patterns.ENVIRONMENT_ID] = Field(
        description="Identifier of the environment, unique in the file: lower-case letters, digits and hyphens.",
        examples=["staging"],
    )
    project_id: Annotated[Text, patterns.PROJECT_ID] = Field(
        alias="projectID",
        description="The Google Cloud project: `{service id}-{environment id}-{suffix}`, at most 30 characters.",
        examples=["msp-example-staging-0000"],
    )
    category: Literal["test", "internal", "external"] = Field(
        description="Who the environment is for: `test`, `internal` or `external`.", examples=["test"]
    )
    deploy: Deploy = Field(description="How revisions get into the environment.", examples=[{"type": "rollout"}])
    instances: Instances | None = Field(
        default=None,
        description="How the machines look that run the service.",
        examples=[{"resources": {"cpu": 1, "memory": "512Mi"}}],
    )


class Spec(Shared):
    """A service specification: one service, its environments, and how releases roll out through them."""

    service: Service = Field(
        description="What the service is and who owns it.",
        examples=[{"id": "msp-example", "owners": ["core-services"], "description": "Answers questions."}],
    )
    build: Build = Field(
        description="Which image the service runs, and what it is built from.",
        examples=[
            {
                "image": "us.gcr.io/sourcegraph-dev/msp-example",
                "source": {"repo": "github.com/sourcegraph/sourcegraph", "dir": "cmd/msp-example"},
            }
        ],
    )
    rollout: Rollout | None = Field(
        default=None,
        description="How releases roll out through environments; absent when no environment is delivered by rollouts.",
        examples=[{"stages": [{"environment": "staging"}, {"environment": "prod"}]}],
    )
    environments: tuple[Environment, ...] = Field(
        min_length=1,
        max_length=MAX_ITEMS,
        strict=False,
        description="The places that the service runs in; at least one, with unique ids.",
        examples=[
            [
                {
                    "id": "staging",
                    "projectID": "msp-example-staging-0000",
                    "category": "test",
                    "deploy": {"type": "rollout"},
                }
            ]
        ],
    )

    def environment(self, environment_id: str) -> Environment:
        """The environment with this id.

        Raises:
            KeyError: There is none.
        """
        for environment in self.environments:
            if environment.id == environment_id:
                return environment
        raise KeyError(environment_id)

    @property
    def stages(self) -> tuple[tuple[Stage, Environment], ...]:
        """The rollout's stages in order, each with its environment; empty without a rollout."""
        stages = self.rollout.stages if self.rollout else ()
        return tuple((stage, self.environment(stage.environment)) for stage in stages)

    def canonical_json(self) -> str:
        """The resolved specification: defaults filled in, aliases expanded, keys sorted, on one line.

        Equal specifications give the same text. It is YAML too, and loads as an equal `Spec`, from `parse` or, without
        YAML, from `Spec.model_validate_json`.
        """
        text = json.dumps(_plain(self), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return _NOT_LITERAL_IN_YAML.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


_NOT_LITERAL_IN_YAML = re.compile("[\x7f-\xa0\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
"""What JSON leaves as it is in a string, but a YAML reader refuses or folds (YAML 1.1, sections 5.1 and 5.4)."""


def _plain(value: object) -> object:
    match value:
        case BaseModel():
            known = {
                field.alias: _plain(item)
                for name, field in type(value).model_fields.items()
                if (item := getattr(value, name)) is not None
            }
            return known | (value.model_extra or {})
        case tuple():
            return [_plain(item) for item in value]
        case _:
            return value
