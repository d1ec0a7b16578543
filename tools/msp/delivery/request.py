"""What is asked of a delivery, by flags or by another program."""

from dataclasses import dataclass, field
from pathlib import Path

from msp.ci.build import Known
from msp.delivery.planning.overrides import Overrides
from msp.gcp.endpoints import Endpoints


@dataclass(frozen=True)
class Settings:
    """How to deploy.

    Attributes:
        wait: Whether to wait until the first rollout has ended.
        timeout: Seconds that all of it may take, the wait for the rollout included; that goes on by itself afterwards.
        force: Release even though the first stage runs this image, or a newer build's, or this one was rolled back.
        if_newer: End well where a newer build was there first.
    """

    wait: bool = True
    timeout: float = 1800.0
    force: bool = False
    if_newer: bool = False


@dataclass(frozen=True)
class DeliveryRequest:
    """What was asked for.

    Attributes:
        known: What the user says about the build: its commit, number and author.
        overrides: Other names, more labels.
        settings: Whether and how long to wait, and whether to release what runs already.
        endpoints: `Endpoints.google()`, or a local cloud's.
        dry_run: Whether only to print the plan.
        quiet: Whether to print only how it ended.
        json_output: The file to write the result to: `result.json`; None for no file.
    """

    known: Known = field(default_factory=Known)
    overrides: Overrides = field(default_factory=Overrides)
    settings: Settings = field(default_factory=Settings)
    endpoints: Endpoints = field(default_factory=Endpoints.google)
    dry_run: bool = False
    quiet: bool = False
    json_output: Path | None = None
