"""The methods of `google.devtools.artifactregistry.v1.ArtifactRegistry`, as Google defines their verbs and paths."""

from collections.abc import Callable, Sequence
from typing import Any

from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.longrunning import operations_pb2
from google.protobuf import empty_pb2
from google.protobuf.message import Message

from msp.localcloud.artifacts import messages as pb
from msp.localcloud.artifacts.edits import Edits
from msp.localcloud.artifacts.images import Images
from msp.localcloud.artifacts.repositories import Repositories
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

    def change(verb: str, name: str, target: Callable[[Any], str], apply: Callable[[Any], Message]) -> Handler:
        request_type = getattr(pb, f"{name}Request")
        metadata = pb.OperationMetadata
        return operations.handler(Change(f"{SERVICE}/{name}", request_type, verb, target, apply, metadata))

    def list_repositories(request: AnyMessage) -> Message:
        found, token = page(store, repositories.listing(), request)
        response: Message = pb.ListRepositoriesResponse(repositories=found, next_page_token=token)
        return response

    def get_repository(request: AnyMessage) -> Message:
        repository: Message = repositories.get(request.name)
        return repository

    def created(request: AnyMessage) -> str:
        return f"{request.parent}/repositories/{request.repository_id}"

    create = change("create", "CreateRepository", created, repositories.create)
    delete_repository = change("delete", "DeleteRepository", _name, edits.delete_repository)
    delete_package = change("delete", "DeletePackage", _name, edits.delete_package)
    delete_version = change("delete", "DeleteVersion", _name, edits.delete_version)
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
        *_not_emulated(),
    ]


def _not_emulated() -> Sequence[Method]:
    """What answers `UNIMPLEMENTED`, so that it is told apart from what does not exist."""
    operation = operations_pb2.Operation
    below, resource = f"{{parent={_REPOSITORY}}}", f"{{resource={_REPOSITORY}}}"
    policy, ask = policy_pb2.Policy, iam_policy_pb2
    versions = f"{{parent={_PACKAGE}}}/versions:batchDelete"
    return [
        _method("BatchDeleteVersions", "POST", versions, operation, None, "*"),
        _method("ListFiles", "GET", f"{below}/files", None, None),
        _method("GetFile", "GET", f"{{name={_REPOSITORY}/files/**}}", pb.File, None),
        _method("ListRules", "GET", f"{below}/rules", None, None),
        _method("ListAttachments", "GET", f"{below}/attachments", None, None),
        _method("ListMavenArtifacts", "GET", f"{below}/mavenArtifacts", None, None),
        _method("ListNpmPackages", "GET", f"{below}/npmPackages", None, None),
        _method("ListPythonPackages", "GET", f"{below}/pythonPackages", None, None),
        _method("GetProjectSettings", "GET", "{name=projects/*/projectSettings}", pb.ProjectSettings, None),
        _iam("GetIamPolicy", "GET", f"{resource}:getIamPolicy", ask.GetIamPolicyRequest, policy),
        _iam("SetIamPolicy", "POST", f"{resource}:setIamPolicy", ask.SetIamPolicyRequest, policy),
        _iam(
            "TestIamPermissions",
            "POST",
            f"{resource}:testIamPermissions",
            ask.TestIamPermissionsRequest,
            ask.TestIamPermissionsResponse,
        ),
    ]


def _method(  # noqa: PLR0917 (the columns of the table)
    name: str, verb: str, path: str, response_type: type[Message] | None, handler: Handler | None, body: str = ""
) -> Method:
    request_type = getattr(pb, f"{name}Request")
    response = response_type or getattr(pb, f"{name}Response")
    return Method(SERVICE, name, (Binding(verb, f"/v1/{path}", body),), request_type, response, handler)


def _iam(name: str, verb: str, path: str, request_type: type[Message], response_type: type[Message]) -> Method:
    bindings = (Binding(verb, f"/v1/{path}", "*" if verb == "POST" else ""),)
    return Method(SERVICE, name, bindings, request_type, response_type, None)


def _name(request: AnyMessage) -> str:
    return str(request.name)
