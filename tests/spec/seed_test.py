"""The guide's two specifications, completed with the fields they leave out, give the stages that it describes."""

import pytest

from msp.spec import Spec, parse

REST = """
service: { id: msp-example, owners: [core-services], description: Shows how services are delivered. }
build:
  image: us.gcr.io/sourcegraph-dev/msp-example
  source: { repo: github.com/sourcegraph/sourcegraph, dir: cmd/msp-example }
environments:
  - id: staging
    projectID: msp-example-staging-0000
    category: test
    deploy:
      type: rollout
  - id: prod
    projectID: msp-example-prod-0000
    category: external
    deploy:
      type: rollout
"""

MANUAL = """
rollout:
  stages:
    - environment: staging
    - environment: prod
  serviceAccount: sourcegraph-sa@ci-project.iam.gserviceaccount.com
"""

AUTOMATIC = """
rollout:
  stages:
    - environment: staging
      promotionStrategy:
        type: 'automatic'
        automatic:
          delaySeconds: 1 # nearly immediate
    - environment: prod
"""


def stages(spec: Spec) -> list[tuple[str, str]]:
    return [(stage.environment, environment.project_id) for stage, environment in spec.stages]


@pytest.mark.parametrize("rollout", [MANUAL, AUTOMATIC])
def test_stages_and_their_projects(rollout: str) -> None:
    spec = parse((REST + rollout).encode(), "service.yaml")
    assert stages(spec) == [("staging", "msp-example-staging-0000"), ("prod", "msp-example-prod-0000")]


def test_promotions_are_manual_by_default() -> None:
    spec = parse((REST + MANUAL).encode(), "service.yaml")
    assert [stage.promotion_strategy for stage, _ in spec.stages] == [None, None]
    assert spec.rollout is not None
    assert spec.rollout.service_account == "sourcegraph-sa@ci-project.iam.gserviceaccount.com"


def test_promotion_can_be_automatic() -> None:
    spec = parse((REST + AUTOMATIC).encode(), "service.yaml")
    (staging, _), (prod, _) = spec.stages
    assert staging.promotion_strategy is not None
    assert staging.promotion_strategy.type == "automatic"
    assert staging.promotion_strategy.automatic is not None
    assert staging.promotion_strategy.automatic.delay_seconds == 1
    assert prod.promotion_strategy is None
