"""A specification of two stages, as its file."""

SPEC = """\
service:
  id: msp-example
  owners: [core-services]
  description: An example.
build:
  image: us.gcr.io/sourcegraph-dev/msp-example
  source: {repo: github.com/sourcegraph/sourcegraph, dir: cmd/msp-example}
rollout:
  stages:
    - environment: staging
      promotionStrategy: {type: automatic, automatic: {delaySeconds: 1}}
    - environment: prod
environments:
  - {id: staging, projectID: msp-example-staging-0000, category: test, deploy: {type: rollout}}
  - {id: prod, projectID: msp-example-prod-0000, category: external, deploy: {type: rollout}}
"""
