"""What a target of `msp_delivery` knows: the JSON file that its rule writes."""

import dataclasses
import shlex
from pathlib import Path

from msp.errors import UsageError
from msp.target_config import load_config, parse_config

_RULE = "msp_delivery"


@dataclasses.dataclass(frozen=True)
class DeliveryConfig:
    """A service's delivery, as its BUILD file says.

    Attributes:
        target: The Bazel label: `//svc:msp_deploy`.
        gcp_project: The project that pipeline, targets and releases live in: `msp-example-prod-0000`.
        msp_service_id: The service's id: `msp-example`.
        repository: Where its images are: `us.gcr.io/sourcegraph-dev/msp-example`.
        gcp_region: The pipeline's region: `us-central1`.
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

    def make_pipeline(self, local_cloud: str = "") -> str:
        """The command that makes the service's pipeline: `bazel run //svc:msp_deploy.pipeline.apply`.

        Args:
            local_cloud: The local cloud to make it in: `http://127.0.0.1:8080`; empty for Google's.
        """
        cloud = [f"--local_cloud={local_cloud.removeprefix('http://')}"] if local_cloud else []
        if self.spec is not None:
            return shlex.join(["bazel", "run", f"{self.target}.pipeline.apply", *(["--", *cloud] if cloud else [])])
        flags = [f"--region={self.gcp_region}", *cloud]
        own = shlex.join(["bazel", "run", f"{self.tools}:apply", "--", "--spec=service.yaml", *flags])
        return f"{own}\nor set `spec`, which makes a target of it"

    @classmethod
    def parse(cls, text: str | bytes, file: str) -> "DeliveryConfig":
        """Reads the file's content.

        Args:
            text: The content: `{"target": "//svc:msp_deploy", …}`.
            file: The file's name, for errors.

        Raises:
            UsageError: As `parse_config`; also where there is nothing to push.
        """
        return cls._with_image(parse_config(cls, text, file, _RULE))

    @classmethod
    def load(cls, path: Path) -> "DeliveryConfig":
        """Reads a file. Raises as `parse` does, and where it can't be read."""
        return cls._with_image(load_config(cls, path, _RULE))

    def _with_image(self) -> "DeliveryConfig":
        if self.image is None and self.push is None:
            raise UsageError(
                f"{self.target}: there is no image to deliver",
                hint="set `image` to a target that makes an OCI layout, or `push` to a program that pushes",
            )
        return self
