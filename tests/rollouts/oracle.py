"""Short histories of one target, and in a few lines which release it would go back to."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.rollouts.conftest import History

EVENTS = ("ok", "failed", "redeployed", "rolled back", "abandoned", "cancelled")
STATES = {"ok": "SUCCEEDED", "failed": "FAILED", "cancelled": "CANCELLED"}

# What was rolled out, whether with success, and what that was to take off the target.
Log = list[tuple[str, bool, str]]


def oracle(log: Log, abandoned: set[str]) -> str | None:
    """The release to go back to."""
    stands = {}
    for release, _, undone in log:
        stands[release] = True
        stands |= {undone: False} if undone else {}
    for release, succeeded, _ in reversed(log):
        if succeeded and release != log[-1][0] and release not in abandoned and stands[release]:
            return release
    return None


def play(events: tuple[str, ...], history: "History") -> tuple[Log, set[str]]:
    """Has things happen; what can't happen, such as going back to nothing, doesn't."""
    log: Log = []
    abandoned: set[str] = set()
    for number, event in enumerate(events):
        if event in STATES:
            history.rollout(f"r{number}", state=STATES[event])
            log.append((f"r{number}", event == "ok", ""))
        elif event == "redeployed" and log:
            again = next((release for release, succeeded, _ in reversed(log) if succeeded), log[-1][0])
            history.rollout(again)
            log.append((again, True, ""))
        elif event == "abandoned" and log:
            abandoned.add(log[-1][0])
            history.abandon(log[-1][0])
        elif event == "rolled back" and (to := oracle(log, abandoned) if log else None):
            history.roll_back(history.rollouts[-1], to)
            log.append((to, True, log[-1][0]))
    return log, abandoned
