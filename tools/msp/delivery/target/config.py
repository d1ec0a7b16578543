"""What a target of `msp_delivery` knows: the JSON file that its rule writes."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from msp.errors import UsageError


@dataclasses.dataclass(frozen=True)
class DeliveryConfig:
    """A service's delivery, as its BUILD file says.

    Attributes:
        target: The Bazel label: `//svc:msp_deploy`.
        gcp_project: The project that pipeline, targets and releases live in.
        msp_service_id: The service.
        repository: Where its images are: `us.gcr.io/sourcegraph-dev/msp-example`.
        gcp_region: The pipeline's region.
        image: Runfiles path of the image, a directory in the OCI layout.
        push: Runfiles path of a program that pushes the image in our place, called with `--tag` and `--repository`.
        spec: Runfiles path of the service's specification, as canonical JSON.
        tool: Label of the program that reads this, as the user's repository writes it: `@rules_msp//tools:deploy`.
    """

    target: str
    gcp_project: str
    msp_service_id: str
    repository: str
    gcp_region: str = "us-central1"
    image: str | None = None
    push: str | None = None
    spec: str | None = None
    tool: str = "//tools:deploy"

    @property
    def tools(self) -> str:
        """The package of all programs, as the user's repository writes it: `@rules_msp//tools`."""
        return self.tool.rpartition(":")[0]

    @classmethod
    def parse(cls, text: str | bytes, file: str) -> "DeliveryConfig":
        """Reads the file's content.

        Args:
            text: The content.
            file: Its name, for errors.

        Raises:
            UsageError: It is something else, lacks a field, or has one that isn't known or is of another type; every
                such field is named.
        """
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            raise UsageError(f"{file}: not JSON", hint=_HINT) from None
        if not isinstance(found, dict):
            raise UsageError(f"{file}: not a JSON object", hint=_HINT)
        problems = _problems(found)
        if problems:
            target = found.get("target")
            where = f"{target} ({file})" if isinstance(target, str) else file
            raise UsageError(f"{where}: {'; '.join(problems)}", hint=_HINT)
        config = cls(**found)
        if config.image is None and config.push is None:
            raise UsageError(
                f"{config.target}: there is no image to deliver",
                hint="set `image` to a target that makes an OCI layout, or `push` to a program that pushes",
            )
        return config

    @classmethod
    def load(cls, path: Path) -> "DeliveryConfig":
        """Reads a file. Raises as `parse` does, and where it can't be read."""
        try:
            return cls.parse(path.read_bytes(), str(path))
        except OSError as error:
            raise UsageError(f"{path}: can't be read: {error.strerror}", hint=_HINT) from error


_HINT = "it is written by msp_delivery: build the target again"


def _problems(found: dict[str, Any]) -> list[str]:
    fields = {field.name: field for field in dataclasses.fields(DeliveryConfig)}
    problems = [f"unknown field {name!r}" for name in found if name not in fields]
    for name, field in fields.items():
        if name not in found:
            if field.default is dataclasses.MISSING:
                problems.append(f"no field {name!r}")
            continue
        value = found[name]
        if not (isinstance(value, str) and value) and not (value is None and field.default is None):
            problems.append(f"field {name!r} has the value {value!r}")
    return problems
