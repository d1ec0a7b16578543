"""What Cloud Run gives an instance: its limits of CPU and memory, and how much of one the other needs.

From https://cloud.google.com/run/docs/configuring/services/memory-limits and
https://cloud.google.com/run/docs/configuring/services/cpu.
"""

import re
from collections.abc import Iterator
from fractions import Fraction

_GIBIBYTES = {"Ki": Fraction(1, 1024 * 1024), "Mi": Fraction(1, 1024), "Gi": Fraction(1)}
_CPU_FOR_MEMORY = ((24, 8), (16, 6), (8, 4), (4, 2))
"""Over so many GiB, so many CPUs are needed; the first that applies."""
_MEMORY_FOR_CPU = ((6, 4), (4, 2))
"""Over so many CPUs, so many GiB are needed; the first that applies."""


def gibibytes(memory: str) -> Fraction:
    """How much a text such as `512Mi` is, in GiB.

    Raises:
        ValueError: It is not a number followed by `Ki`, `Mi` or `Gi`.
    """
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(Ki|Mi|Gi)", memory)
    if not match:
        raise ValueError(memory)
    return Fraction(match[1]) * _GIBIBYTES[match[2]]


def memory_complaint(memory: Fraction) -> str:
    """What is wrong with an amount of memory, in GiB; empty when Cloud Run has it."""
    if memory < Fraction(1, 2):
        return "is too little; write `512Mi` or more"
    if memory > 32:
        return "is too much; write `32Gi` or less"
    return ""


def complaints(cpu: int, memory: Fraction) -> Iterator[tuple[str, str]]:
    """The field (`cpu` or `memory`) that is too small for the other, and what to write.

    Args:
        cpu: Number of CPUs.
        memory: Memory in GiB: `Fraction(1, 2)` for `512Mi`.
    """
    for limit, needed in _CPU_FOR_MEMORY:
        if memory > limit:
            if cpu < needed:
                yield "cpu", f"more than {limit}Gi of memory needs {needed} CPUs or more; write `cpu: {needed}`"
            break
    for limit, needed in _MEMORY_FOR_CPU:
        if cpu > limit:
            if memory < needed:
                yield "memory", f"more than {limit} CPUs need {needed}Gi or more; write `memory: {needed}Gi`"
            break
