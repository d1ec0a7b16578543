"""The buckets and their IAM policies."""

import json
from collections.abc import Mapping
from typing import Any

from msp.localcloud.clock import Clock
from msp.localcloud.storage.errors import StorageError, bucket_not_found, condition_not_met, invalid
from msp.localcloud.storage.names import check_bucket
from msp.localcloud.storage.preconditions import Preconditions
from msp.localcloud.storage.records import BUCKET_FIELDS, Bucket, chosen, dump, etag, merged, rfc3339
from msp.localcloud.store import Store

_BUCKET = "storage.bucket"
_POLICY = "storage.policy"
_OBJECT_KINDS = ("storage.object", "storage.noncurrent")


class Buckets:
    """All buckets, of all projects."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def insert(self, project: str, resource: Mapping[str, Any]) -> Bucket:
        """Makes a bucket.

        Raises:
            StorageError: 400 `invalid`; 409 `conflict`: there is one of that name.
        """
        name = check_bucket(resource.get("name"))
        _check(resource)
        if payload := self._store.get(_BUCKET, name):
            own = _read(payload).project == project
            raise StorageError(
                409,
                "conflict",
                "Your previous request to create the named bucket succeeded and you already own it."
                if own
                else "The requested bucket name is not available. The bucket namespace is shared by all users of the "
                "system. Please select a different name and try again.",
            )
        now = rfc3339(self._clock.now())
        bucket = Bucket(name, project, now, now, properties=chosen(resource, BUCKET_FIELDS))
        self._put(bucket)
        return bucket

    def get(self, name: str, preconditions: Preconditions | None = None) -> Bucket:
        """A bucket.

        Raises:
            StorageError: 404, and what the preconditions raise.
        """
        payload = self._store.get(_BUCKET, name)
        if payload is None:
            raise bucket_not_found()
        bucket = _read(payload)
        (preconditions or Preconditions()).check(1, bucket.metageneration, reading=True)
        return bucket

    def list(self, project: str, *, prefix: str = "", after: str | None = None, limit: int = -1) -> list[Bucket]:
        """A project's buckets in the order of their names, those after a name."""
        documents = self._store.list(
            _BUCKET, parent=project, prefix=prefix or None, order="name", after=after, limit=limit
        )
        return [_read(document.payload) for document in documents]

    def patch(
        self, name: str, changes: Mapping[str, Any], preconditions: Preconditions, *, replace: bool = False
    ) -> Bucket:
        """Changes a bucket's metadata: a merge patch, or all of it.

        Raises:
            StorageError: 400, 404, 412.
        """
        bucket = self.get(name)
        preconditions.check(1, bucket.metageneration)
        _check(changes)
        fixed = {"location": bucket.properties["location"]} if "location" in bucket.properties else {}
        properties = chosen(changes, BUCKET_FIELDS) if replace else merged(bucket.properties, changes, BUCKET_FIELDS)
        bucket = bucket.changed({**properties, **fixed}, self._clock.now())
        self._put(bucket)
        return bucket

    def delete(self, name: str, preconditions: Preconditions) -> None:
        """Deletes an empty bucket.

        Raises:
            StorageError: 404, 412; 409 `conflict`: it holds objects.
        """
        bucket = self.get(name)
        preconditions.check(1, bucket.metageneration)
        if any(self._store.list(kind, prefix=f"{name}/", limit=1) for kind in _OBJECT_KINDS):
            raise StorageError(409, "conflict", "The bucket you tried to delete is not empty.")
        with self._store.transaction():
            self._store.delete(_BUCKET, name)
            self._store.delete(_POLICY, name)
            self._store.delete_below("storage.notification", f"{name}/")

    def policy(self, name: str) -> dict[str, Any]:
        """A bucket's IAM policy.

        Raises:
            StorageError: 404.
        """
        bucket = self.get(name)
        payload = self._store.get(_POLICY, name)
        policy = json.loads(payload) if payload else _default_policy(bucket.project)
        tag = etag(policy.pop("revision"))
        return {"kind": "storage#policy", "resourceId": f"projects/_/buckets/{name}", "etag": tag, **policy}

    def set_policy(self, name: str, policy: Mapping[str, Any]) -> dict[str, Any]:
        """Replaces a bucket's IAM policy.

        Raises:
            StorageError: 400, 404; 412 `conditionNotMet`: the policy's etag is another's.
        """
        current = self.policy(name)
        if (policy.get("etag") or current["etag"]) != current["etag"]:
            raise condition_not_met()
        version = policy.get("version", 1)
        if not isinstance(version, int):
            raise invalid("version must be a number.")
        bindings = [_binding(binding) for binding in _list(policy.get("bindings"), "bindings")]
        if version not in {0, 1, 3} or (any("condition" in binding for binding in bindings) and version != 3):
            raise invalid("A policy with conditions has version 3, one without 1 or 3.")
        payload = self._store.get(_POLICY, name)
        revision = json.loads(payload)["revision"] + 1 if payload else 2
        stored = {"version": version or 1, "bindings": bindings, "revision": revision}
        self._store.put(_POLICY, name, json.dumps(stored).encode())
        return self.policy(name)

    def _put(self, bucket: Bucket) -> None:
        self._store.put(_BUCKET, bucket.name, dump(bucket), parent=bucket.project)


def _read(payload: bytes) -> Bucket:
    return Bucket(**json.loads(payload))


def _default_policy(project: str) -> dict[str, Any]:
    owners = [f"projectEditor:{project}", f"projectOwner:{project}"]
    bindings = [
        {"role": "roles/storage.legacyBucketOwner", "members": owners},
        {"role": "roles/storage.legacyBucketReader", "members": [f"projectViewer:{project}"]},
    ]
    return {"version": 1, "bindings": bindings, "revision": 1}


def _check(resource: Mapping[str, Any]) -> None:
    labels = resource.get("labels") or {}
    if not isinstance(labels, dict) or not all(isinstance(value, str | None) for value in labels.values()):
        raise invalid("labels must map strings to strings.")
    if not isinstance(resource.get("location", ""), str):
        raise invalid("location must be a string.")


def _binding(binding: object) -> dict[str, Any]:
    if not isinstance(binding, dict) or not isinstance(binding.get("role"), str):
        raise invalid("A binding is an object with a role and members.")
    members = _list(binding.get("members"), "members")
    for member in members:
        if not isinstance(member, str) or not (member in {"allUsers", "allAuthenticatedUsers"} or ":" in member):
            raise invalid(f"Invalid member: {member!r}")
    condition = {"condition": binding["condition"]} if binding.get("condition") else {}
    return {"role": binding["role"], "members": members, **condition}


def _list(value: object, name: str) -> "list[Any]":
    if not isinstance(value, list | None):
        raise invalid(f"{name} must be a list.")
    return value or []
