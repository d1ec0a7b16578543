"""What a service's `.ops` target knows: the JSON file that its rule writes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class OpsConfig:
    """A service, as its BUILD file says.

    Attributes:
        target: The Bazel label: `//svc:msp_deploy.ops`.
        gcp_project: The project that pipeline, targets and releases live in.
        msp_service_id: The service.
        repository: Where its images are: `us.gcr.io/sourcegraph-dev/msp-example`.
        gcp_region: The pipeline's region.
        image: Label of what makes the image: `//svc:image`; None where a program of the user's pushes it.
        tool: Label of the program that reads this, as the user's repository writes it: `@rules_msp//tools:verb`.
    """

    target: str
    gcp_project: str
    msp_service_id: str
    repository: str = ""
    gcp_region: str = "us-central1"
    image: str | None = None
    tool: str = "//tools:verb"

    @property
    def tools(self) -> str:
        """The package of all programs, as the user's repository writes it: `@rules_msp//tools`."""
        return self.tool.rpartition(":")[0]
