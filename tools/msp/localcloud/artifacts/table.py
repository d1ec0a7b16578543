"""The methods of `google.devtools.artifactregistry.v1.ArtifactRegistry`, as Google defines their verbs and paths."""

from collections.abc import Callable, Sequence
from typing import Any

from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.longrunning import operations_pb2
from google.protobuf import empty_pb2
from google.protobuf.message import Message

from msp.localcloud.artifacts import messages as pb
from msp.localcloud.artifacts.edits import Edits
from msp.localcloud.artifacts.files import Files
from msp.localcloud.artifacts.images import Images
from msp.localcloud.artifacts.repositories import Repositories
from msp.localcloud.iam import Iam
from msp.localcloud.listed import Listed
from msp.localcloud.listing import page
from msp.localcloud.methods import AnyMessage, Binding, Handler, Method
from msp.localcloud.operations import Change, Operations
from msp.localcloud.registry import RegistryState
from msp.localcloud.store import Store

SERVICE = "google.devtools.artifactregistry.v1.ArtifactRegistry"

_LOCATION = "projects/*/locations/*"
_REPOSITORY = f"{_LOCATION}/repositories/*"
_PACKAGE = f"{_REPOSITORY}/packages/*"


def methods(
    repositories: Repositories, registry: RegistryState, operations: Operations, store: Store
) -> Sequence[Method]:
    """The service's table, its handlers bound to a state."""
    images, edits = Images(registry, repositories), Edits(registry.manifests, repositories)
    files = Files(registry, repositories)

    def change(verb: str, name: str, target: Callable[[Any], str], apply: Callable[[Any], Message]) -> Handler:
        request_type = getattr(pb, f"{name}Request")
        metadata = pb.OperationMetadata
        return operations.handler(Change(f"{SERVICE}/{name}", request_type, verb, target, apply, metadata))

    def list_repositories(request: AnyMessage) -> Listed:
        return page(store, repositories.listing(), request, pb.ListRepositoriesResponse)

    def get_repository(request: AnyMessage) -> Message:
        repository: Message = repositories.get(request.name)
        return repository

    def created(request: AnyMessage) -> str:
        return f"{request.parent}/repositories/{request.repository_id}"

    create = change("create", "CreateRepository", created, repositories.create)
    delete_repository = change("delete", "DeleteRepository", _name, edits.delete_repository)
    delete_package = change("delete", "DeletePackage", _name, edits.delete_package)
    delete_version = change("delete", "DeleteVersion", _name, edits.delete_version)
    batch = change("delete", "BatchDeleteVersions", lambda request: str(request.parent), edits.delete_versions)
    operation, empty = operations_pb2.Operation, empty_pb2.Empty
    below, tags = f"{{parent={_REPOSITORY}}}", f"{{parent={_PACKAGE}}}/tags"
    return [
        _method("ListRepositories", "GET", f"{{parent={_LOCATION}}}/repositories", None, list_repositories),
        _method(
            "GetRepository", "GET", f"{{name={_REPOSITORY}}}", pb.Repository, lambda ask: repositories.get(ask.name)
        ),
        _method("CreateRepository", "POST", f"{{parent={_LOCATION}}}/repositories", operation, create, "repository"),
        _method(
            "UpdateRepository",
            "PATCH",
            f"{{repository.name={_REPOSITORY}}}",
            pb.Repository,
            repositories.update,
            "repository",
        ),
        _method("DeleteRepository", "DELETE", f"{{name={_REPOSITORY}}}", operation, delete_repository),
        _method("ListDockerImages", "GET", f"{below}/dockerImages", None, images.list_images),
        _method("GetDockerImage", "GET", f"{{name={_REPOSITORY}/dockerImages/*}}", pb.DockerImage, images.get_image),
        _method("ListPackages", "GET", f"{below}/packages", None, images.list_packages),
        _method("GetPackage", "GET", f"{{name={_PACKAGE}}}", pb.Package, images.get_package),
        _method("DeletePackage", "DELETE", f"{{name={_PACKAGE}}}", operation, delete_package),
        _method("ListVersions", "GET", f"{{parent={_PACKAGE}}}/versions", None, images.list_versions),
        _method("GetVersion", "GET", f"{{name={_PACKAGE}/versions/*}}", pb.Version, images.get_version),
        _method("DeleteVersion", "DELETE", f"{{name={_PACKAGE}/versions/*}}", operation, delete_version),
        _method("ListTags", "GET", tags, None, images.list_tags),
        _method("GetTag", "GET", f"{{name={_PACKAGE}/tags/*}}", pb.Tag, images.get_tag),
        _method("CreateTag", "POST", tags, pb.Tag, edits.create_tag, "tag"),
        _method("UpdateTag", "PATCH", f"{{tag.name={_PACKAGE}/tags/*}}", pb.Tag, edits.update_tag, "tag"),
        _method("DeleteTag", "DELETE", f"{{name={_PACKAGE}/tags/*}}", empty, edits.delete_tag),
        _method("BatchDeleteVersions", "POST", f"{{parent={_PACKAGE}}}/versions:batchDelete", operation, batch, "*"),
        _method("ListFiles", "GET", f"{below}/files", None, files.list),
        _method("GetFile", "GET", f"{{name={_REPOSITORY}/files/**}}", pb.File, files.get),
        *_iam(Iam(store, repositories.get)),
        *(_method(name, verb, path, response, None, body) for name, verb, path, response, body in _NOT_EMULATED),
    ]


def _iam(iam: Iam) -> Sequence[Method]:
    ask, policy, resource = iam_policy_pb2, policy_pb2.Policy, f"/v1/{{resource={_REPOSITORY}}}"

    def row(name: str, verb: str, request: type[Message], response: type[Message], handler: Handler) -> Method:
        custom = name[0].lower() + name[1:]
        bindings = (Binding(verb, f"{resource}:{custom}", "*" if verb == "POST" else ""),)
        return Method(SERVICE, name, bindings, request, response, handler)

    return [
        row("GetIamPolicy", "GET", ask.GetIamPolicyRequest, policy, iam.get),
        row("SetIamPolicy", "POST", ask.SetIamPolicyRequest, policy, iam.set),
        row("TestIamPermissions", "POST", ask.TestIamPermissionsRequest, ask.TestIamPermissionsResponse, iam.test),
    ]


_BELOW, _OPERATION = f"{{parent={_REPOSITORY}}}", operations_pb2.Operation

_NOT_EMULATED: Sequence[tuple[str, str, str, type[Message] | None, str]] = (
    ("CreateAttachment", "POST", f"{_BELOW}/attachments", _OPERATION, "attachment"),
    ("CreateRule", "POST", f"{_BELOW}/rules", pb.Rule, "rule"),
    ("DeleteAttachment", "DELETE", f"{{name={_REPOSITORY}/attachments/*}}", _OPERATION, ""),
    ("DeleteFile", "DELETE", f"{{name={_REPOSITORY}/files/*}}", _OPERATION, ""),
    ("DeleteRule", "DELETE", f"{{name={_REPOSITORY}/rules/*}}", empty_pb2.Empty, ""),
    ("ExportArtifact", "POST", f"{{repository={_REPOSITORY}}}:exportArtifact", _OPERATION, "*"),
    ("GetAttachment", "GET", f"{{name={_REPOSITORY}/attachments/*}}", pb.Attachment, ""),
    ("GetMavenArtifact", "GET", f"{{name={_REPOSITORY}/mavenArtifacts/*}}", pb.MavenArtifact, ""),
    ("GetNpmPackage", "GET", f"{{name={_REPOSITORY}/npmPackages/*}}", pb.NpmPackage, ""),
    ("GetProjectSettings", "GET", "{name=projects/*/projectSettings}", pb.ProjectSettings, ""),
    ("GetPythonPackage", "GET", f"{{name={_REPOSITORY}/pythonPackages/*}}", pb.PythonPackage, ""),
    ("GetRule", "GET", f"{{name={_REPOSITORY}/rules/*}}", pb.Rule, ""),
    ("GetVPCSCConfig", "GET", f"{{name={_LOCATION}/vpcscConfig}}", pb.VPCSCConfig, ""),
    ("ImportAptArtifacts", "POST", f"{_BELOW}/aptArtifacts:import", _OPERATION, "*"),
    ("ImportYumArtifacts", "POST", f"{_BELOW}/yumArtifacts:import", _OPERATION, "*"),
    ("ListAttachments", "GET", f"{_BELOW}/attachments", None, ""),
    ("ListMavenArtifacts", "GET", f"{_BELOW}/mavenArtifacts", None, ""),
    ("ListNpmPackages", "GET", f"{_BELOW}/npmPackages", None, ""),
    ("ListPythonPackages", "GET", f"{_BELOW}/pythonPackages", None, ""),
    ("ListRules", "GET", f"{_BELOW}/rules", None, ""),
    ("UpdateFile", "PATCH", f"{{file.name={_REPOSITORY}/files/*}}", pb.File, "file"),
    ("UpdatePackage", "PATCH", f"{{package.name={_PACKAGE}}}", pb.Package, "package"),
    (
        "UpdateProjectSettings",
        "PATCH",
        "{project_settings.name=projects/*/projectSettings}",
        pb.ProjectSettings,
        "project_settings",
    ),
    ("UpdateRule", "PATCH", f"{{rule.name={_REPOSITORY}/rules/*}}", pb.Rule, "rule"),
    ("UpdateVPCSCConfig", "PATCH", f"{{vpcsc_config.name={_LOCATION}/vpcscConfig}}", pb.VPCSCConfig, "vpcsc_config"),
    ("UpdateVersion", "PATCH", f"{{version.name={_PACKAGE}/versions/*}}", pb.Version, "version"),
)
"""What answers `UNIMPLEMENTED`, so that it is told apart from what does not exist."""


def _method(  # noqa: PLR0917 (the columns of the table)
    name: str, verb: str, path: str, response_type: type[Message] | None, handler: Handler | None, body: str = ""
) -> Method:
    request_type = getattr(pb, f"{name}Request")
    response = response_type or getattr(pb, f"{name}Response")
    return Method(SERVICE, name, (Binding(verb, f"/v1/{path}", body),), request_type, response, handler)


def _name(request: AnyMessage) -> str:
    return str(request.name)
