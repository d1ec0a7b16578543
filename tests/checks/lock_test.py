"""What the lock of Python packages says."""

import re
from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCK = Path(__file__).parents[2] / "requirements_lock.txt"


def test_time_zones_are_locked_for_machines_that_have_none() -> None:
    assert re.search(r"^tzdata==", LOCK.read_text(), re.MULTILINE)


def test_a_package_is_locked_with_the_extras_that_others_need_of_it() -> None:
    # Without them rules_python gives a package's users less than they import.
    lines = (Requirement(line) for line in re.findall(r"^[a-z].*?(?= *\\$)", LOCK.read_text(), re.MULTILINE))
    locked: dict[str, set[str]] = {canonicalize_name(line.name): line.extras for line in lines}
    needed: dict[str, set[str]] = {}
    for user in distributions():
        asked = locked.get(canonicalize_name(user.metadata["Name"]))
        if asked is None:
            continue
        for requirement in map(Requirement, user.requires or ()):
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *asked)):
                needed.setdefault(canonicalize_name(requirement.name), set()).update(requirement.extras)
    missing = {name: extras - locked[name] for name, extras in needed.items() if extras and extras - locked[name]}
    assert not missing
    assert "grpc" in needed["google-api-core"], "Google's clients are among what was looked at"
