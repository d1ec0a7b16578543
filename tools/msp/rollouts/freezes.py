"""Which deploy policies forbid what, of which stage, and until when."""

from dataclasses import dataclass
from datetime import datetime

from msp.deploy_policies import windows
from msp.deploy_policies.actions import Action, Invoker
from msp.deploy_policies.policy import Policy, Restriction
from msp.rollouts.facts import Facts, Stage


@dataclass(frozen=True, slots=True)
class Freeze:
    """An action that policies forbid.

    Attributes:
        action: What is forbidden.
        target: Of which target's rollouts.
        policies: Which forbid it at that moment; to override the freeze, all of them have to be named.
        until: When it is allowed again, whatever other policy takes over meanwhile, in UTC; None for never, by what
            the policies say now.
        ends_by: The policy that is the last to forbid it; where one takes over from another, not among `policies`.
    """

    action: Action
    target: str
    policies: tuple[Policy, ...]
    until: datetime | None
    ends_by: Policy

    @property
    def words(self) -> str:
        """It, in words: `frozen until 2027-01-02 09:00 UTC by policy 'freeze-holidays' (holidays)`."""
        end = f"until {self.until:%Y-%m-%d %H:%M} UTC" if self.until else "without an end"
        policies = {each.id: each for each in (*self.policies, self.ends_by)}
        said = (f"{each.id!r} ({each.reason or each.description})".replace(" ()", "") for each in policies.values())
        return f"frozen {end} by policy {', '.join(said)}"


def freeze(
    facts: Facts, target: str, action: Action, *, at: datetime | None = None, invoker: Invoker = Invoker.USER
) -> Freeze | None:
    """What forbids an action on a stage.

    Args:
        facts: With the location's policies.
        target: The stage's target.
        action: What is to be done.
        at: When; now by default.
        invoker: Who is to do it.

    Returns:
        The freeze, or None where no policy that is known forbids it at that moment: look at `facts.unread` for
        policies, and for targets, whose labels policies go by.

    Raises:
        UnknownZoneError: This machine does not know a policy's time zone.
    """
    moment = at or facts.now
    rules = [(policy, rule) for policy in _about(facts, target) for rule in policy.restrictions]
    rules = [(policy, rule) for policy, rule in rules if rule.forbids(action, invoker)]
    open_now = tuple(dict.fromkeys(policy.id for policy, rule in rules if windows.is_open(rule, moment)))
    if not open_now:
        return None
    until = windows.closes(tuple(rule for _, rule in rules), moment)
    by_id = {policy.id: policy for policy, _ in rules}
    return Freeze(
        action=action,
        target=target,
        policies=tuple(by_id[policy] for policy in open_now),
        until=until,
        ends_by=_last(rules, moment, until, by_id[open_now[0]]),
    )


def freezes(facts: Facts, target: str, *, at: datetime | None = None) -> tuple[Freeze, ...]:
    """All that people can't do with a stage's rollouts. As `freeze`, an action each."""
    actions = (action for action in Action if action is not Action.UNSPECIFIED)
    return tuple(found for action in actions if (found := freeze(facts, target, action, at=at)) is not None)


def _about(facts: Facts, target: str) -> list[Policy]:
    pipeline, stage = facts.pipeline, facts.stage(target) or Stage(target)
    return [
        policy
        for policy in facts.policies
        if not policy.suspended
        and any(
            selector.takes(pipeline.id, pipeline.labels, stage.target, stage.labels) for selector in policy.selectors
        )
    ]


def _last(
    rules: list[tuple[Policy, Restriction]], moment: datetime, until: datetime | None, otherwise: Policy
) -> Policy:
    """The policy whose own end is the freeze's."""
    if until is None:
        endless = (policy for policy, rule in rules if windows.closes((rule,), moment) is None)
        return next(endless, otherwise)
    just_before = until - windows.INSTANT
    return next(policy for policy, rule in rules if windows.is_open(rule, just_before))
