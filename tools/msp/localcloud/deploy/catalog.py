"""The resources that users write, all alike: created, read, listed, updated and deleted.

Pipelines, targets, custom target types, automations and deploy policies differ in their fields and in what is valid;
what happens to them is the same, and stands here once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from google.protobuf import empty_pb2, field_mask_pb2
from google.protobuf.message import Message

from msp.localcloud import newer_fields
from msp.localcloud.deploy import conditions, names, timed_promotions, validation
from msp.localcloud.deploy import messages as pb
from msp.localcloud.deploy.resources import (
    AUTOMATION,
    BELOW_PIPELINE,
    CUSTOM_TARGET_TYPE,
    DEPLOY_POLICY,
    PIPELINE,
    RELEASE,
    TARGET,
    Kind,
    Resources,
    check_etag,
)
from msp.localcloud.listing import Listing
from msp.localcloud.methods import AnyMessage
from msp.localcloud.status import failed_precondition, invalid, not_found

_OUTPUT_ONLY = ("name", "uid", "create_time", "update_time", "condition", "etag", "target_id", "custom_target_type_id")


@dataclass(frozen=True)
class Entry:
    """One kind of resource that users write.

    Attributes:
        kind: What it is.
        field: What requests call it, `delivery_pipeline`; its id is in `{field}_id`.
        validate: Checks one.
    """

    kind: Kind
    field: str
    validate: Callable[[Any], None]


ENTRIES: Mapping[str, Entry] = {
    "DeliveryPipeline": Entry(PIPELINE, "delivery_pipeline", validation.delivery_pipeline),
    "Target": Entry(TARGET, "target", validation.target),
    "CustomTargetType": Entry(CUSTOM_TARGET_TYPE, "custom_target_type", validation.custom_target_type),
    "Automation": Entry(AUTOMATION, "automation", validation.automation),
    "DeployPolicy": Entry(DEPLOY_POLICY, "deploy_policy", validation.deploy_policy),
}


@dataclass(frozen=True)
class Catalog:
    """Creates, reads, updates and deletes the resources that users write.

    Attributes:
        resources: Loads and saves them.
        planned: Called with an automation that was written.
    """

    resources: Resources
    planned: Callable[[Any], None]

    def get(self, entry: Entry, request: AnyMessage) -> Message:
        """The resource that a request names.

        Raises:
            ApiError: `NOT_FOUND`.
        """
        found: Message = self._present(entry, self.resources.get(entry.kind, request.name))
        return found

    def listing(self, entry: Entry) -> Listing:
        """How resources of the kind are listed."""
        present = partial(self._present, entry) if entry.kind in {PIPELINE, AUTOMATION} else None
        return Listing(entry.kind.name, entry.kind.collection, entry.kind.message, "name", present=present)

    def create(self, entry: Entry, request: AnyMessage) -> Message:
        """Creates the resource in a request.

        Raises:
            ApiError: `INVALID_ARGUMENT`, `NOT_FOUND` (its parent), `ALREADY_EXISTS`.
        """
        resource_id = names.check_id(f"{entry.field}_id", getattr(request, f"{entry.field}_id"))
        return self._create(entry, f"{request.parent}/{entry.kind.collection}/{resource_id}", request)

    def _create(self, entry: Entry, name: str, request: AnyMessage) -> Message:
        self._check_parent(entry, names.parent(name))
        resource = entry.kind.message()
        resource.CopyFrom(getattr(request, entry.field))
        if resource.name and resource.name != name:
            raise invalid(f"{entry.field}.name", f"{resource.name!r} is not {name!r}, as parent and id say")
        for output in _OUTPUT_ONLY:
            if output in resource.DESCRIPTOR.fields_by_name:
                resource.ClearField(output)
        resource.name = name
        self._complete(entry, resource)
        return self._written(entry, self.resources.create(entry.kind, resource))

    def _check_parent(self, entry: Entry, parent: str) -> None:
        if entry.kind is AUTOMATION:
            self.resources.get(PIPELINE, parent)
        else:
            names.check_location("parent", parent)

    def _complete(self, entry: Entry, resource: AnyMessage) -> None:
        validation.common(entry.field, resource)
        entry.validate(resource)
        if entry.kind is AUTOMATION:
            for rule in resource.rules:
                getattr(rule, rule.WhichOneof("rule")).ClearField("condition")
        for own_id in ("target_id", "custom_target_type_id"):
            if own_id in resource.DESCRIPTOR.fields_by_name:
                setattr(resource, own_id, names.last(resource.name))

    def update(self, entry: Entry, request: AnyMessage) -> Message:
        """Updates the resource in a request by its mask; `*`, or no mask, is all of it.

        Raises:
            ApiError: `INVALID_ARGUMENT`, `NOT_FOUND` (without `allow_missing`), `ABORTED` (another etag).
        """
        given = getattr(request, entry.field)
        stored = self.resources.find(entry.kind, given.name)
        if stored is None:
            if not request.allow_missing:
                raise not_found(given.name)
            names.check_id(f"{entry.field}.name", names.last(given.name))
            return self._create(entry, given.name, request)
        check_etag(stored, given.etag)
        updated = self._merged(entry, stored, given, request.update_mask)
        self._complete(entry, updated)
        return self._written(entry, self.resources.save(entry.kind, updated))

    def _merged(
        self, entry: Entry, stored: AnyMessage, given: AnyMessage, mask: field_mask_pb2.FieldMask
    ) -> AnyMessage:
        merged = entry.kind.message()
        # gcloud sends `*,labels`: a star among other paths is all fields, too.
        if not mask.paths or "*" in mask.paths:
            merged.CopyFrom(given)
        else:
            newer = newer_fields.names_in(mask.paths, stored.DESCRIPTOR)
            known = field_mask_pb2.FieldMask(
                paths=[path for path in mask.paths if not newer_fields.names_in([path], stored.DESCRIPTOR)]
            )
            if not known.IsValidForDescriptor(stored.DESCRIPTOR):
                raise invalid("update_mask", f"names a field that is not there: {', '.join(mask.paths)}")
            merged.CopyFrom(stored)
            known.MergeMessage(given, merged, True, True)
            newer_fields.copy(given, merged, newer)
        for output in _OUTPUT_ONLY:
            if output in stored.DESCRIPTOR.fields_by_name:
                merged.ClearField(output)
                if output in {descriptor.name for descriptor, _ in stored.ListFields()}:
                    _copy_field(stored, merged, output)
        return merged

    def delete(self, entry: Entry, request: AnyMessage) -> Message:
        """Deletes the resource that a request names; a pipeline with all below it if `force` is set.

        Raises:
            ApiError: `NOT_FOUND` (without `allow_missing`), `ABORTED` (another etag), `FAILED_PRECONDITION` (a
                pipeline that holds something, without `force`).
        """
        stored = self.resources.find(entry.kind, request.name)
        if stored is None:
            if not request.allow_missing:
                raise not_found(request.name)
            return empty_pb2.Empty()
        check_etag(stored, request.etag)
        store = self.resources.store
        if entry.kind is PIPELINE:
            holds = store.count(RELEASE.name, parent=request.name) + store.count(AUTOMATION.name, parent=request.name)
            if holds and not request.force:
                raise failed_precondition(
                    f"DeliveryPipeline '{request.name}' has nested resources; delete it with force to delete them too"
                )
            for kind in (*(below.name for below in BELOW_PIPELINE), "running", "iam-policy"):
                store.delete_below(kind, f"{request.name}/")
            store.delete_below("running", f"{request.name}|")
        store.delete("iam-policy", request.name)
        store.delete(entry.kind.name, request.name)
        return empty_pb2.Empty()

    def _written(self, entry: Entry, resource: AnyMessage) -> Message:
        if entry.kind is AUTOMATION:
            self.planned(resource)
        written: Message = self._present(entry, resource)
        return written

    def _present(self, entry: Entry, resource: AnyMessage) -> AnyMessage:
        if entry.kind is PIPELINE:
            conditions.fill(self.resources, resource)
        elif entry.kind is AUTOMATION:
            timed_promotions.fill_condition(self.resources, resource)
        return resource


def _copy_field(source: Message, destination: Message, name: str) -> None:
    value = getattr(source, name)
    if isinstance(value, Message):
        getattr(destination, name).CopyFrom(value)
    else:
        setattr(destination, name, value)


def pipeline_of(resources: Resources, name: str) -> "pb.DeliveryPipeline":
    """The delivery pipeline above a name.

    Raises:
        ApiError: `NOT_FOUND`.
    """
    found: pb.DeliveryPipeline = resources.get(PIPELINE, names.pipeline(name))
    return found
