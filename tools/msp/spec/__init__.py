"""The service specification: `service.yaml` -> `Spec`, or every error in it with its place."""

from msp.spec.model import Approval, Environment, PromotionStrategy, Rollout, Spec, Stage
from msp.spec.problem import Problem, SpecError
from msp.spec.reader import load, parse

__all__ = [
    "Approval",
    "Environment",
    "Problem",
    "PromotionStrategy",
    "Rollout",
    "Spec",
    "SpecError",
    "Stage",
    "load",
    "parse",
]
