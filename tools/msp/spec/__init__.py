"""The service specification: `service.yaml` -> `Spec`, or every error in it with its place."""

from msp.spec.freeze import Freeze, WeeklyWindow
from msp.spec.model import Approval, Environment, PromotionStrategy, Rollout, Spec, Stage
from msp.spec.problem import Problem, SpecError
from msp.spec.reader import load, parse

__all__ = [
    "Approval",
    "Environment",
    "Freeze",
    "Problem",
    "PromotionStrategy",
    "Rollout",
    "Spec",
    "SpecError",
    "Stage",
    "WeeklyWindow",
    "load",
    "parse",
]
