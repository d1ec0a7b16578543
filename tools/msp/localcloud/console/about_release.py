"""Who made a release, of what: what its creator noted in its labels and annotations."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass

from msp.localcloud.deploy import messages as pb
from msp.localcloud.deploy import names
from msp.localcloud.deploy.resources import RELEASE, Resources


@dataclass(frozen=True, slots=True)
class AboutRelease:
    """A release in a few words; what is not known is empty.

    Attributes:
        name: Its full name.
        created: When, in RFC 3339.
        commit: The commit's hash.
        author: Who wrote the commit.
        released_by: Who released it.
        subject: The first line of the commit's message.
        tag: The image's tag.
        render: How its rendering stands, `SUCCEEDED`.
        abandoned: Whether it was given up for good.
        text: All of this in lower case, to be searched.
    """

    name: str
    created: str
    commit: str
    author: str
    released_by: str
    subject: str
    tag: str
    render: str
    abandoned: bool
    text: str

    def to_json(self) -> dict[str, object]:
        """As the page reads it."""
        return {
            "name": self.name,
            "id": names.last(self.name),
            "created": self.created,
            "commit": self.commit,
            "author": self.author,
            "releasedBy": self.released_by,
            "subject": self.subject,
            "tag": self.tag,
            "render": self.render,
            "abandoned": self.abandoned,
        }


def about(release: "pb.Release") -> AboutRelease:
    """A release in a few words."""
    notes = release.annotations
    commit = notes.get("commit") or release.labels.get("commit", "")
    author, released_by = notes.get("author", ""), notes.get("released_by", "")
    subject = subject_of(notes)
    tag = release.deploy_parameters.get("customTarget/tag", "")
    searched = (names.last(release.name), commit, author, released_by, subject, tag)
    return AboutRelease(
        name=release.name,
        created=release.create_time.ToJsonString(),
        commit=commit,
        author=author,
        released_by=released_by,
        subject=subject,
        tag=tag,
        render=pb.Release.RenderState.Name(release.render_state),
        abandoned=release.abandoned,
        text="\n".join(searched).lower(),
    )


def subject_of(annotations: Mapping[str, str]) -> str:
    """The first line of the commit's message; empty when there is none, or none that can be read."""
    try:
        message = base64.b64decode(annotations.get("commit_message_base64", ""))
    except (ValueError, binascii.Error):
        return ""
    return message.decode(errors="replace").partition("\n")[0]


class KnownReleases:
    """Releases in a few words, each read once until it changes.

    Args:
        resources: Loads them.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._known: dict[str, dict[str, AboutRelease]] = {}

    def newest(self, pipeline: str, most: int) -> tuple[AboutRelease, ...]:
        """The newest releases of a pipeline, the newest first."""
        before = self._known.get(pipeline, {})
        documents = self._resources.store.list(RELEASE.name, parent=pipeline, limit=most)
        found = {
            each.name: before.get(each.name) or about(self._resources.parse(RELEASE, each.payload))
            for each in documents
        }
        self._known[pipeline] = found
        return tuple(found.values())

    def forget(self, name: str) -> None:
        """Reads a release anew next time; with `projects/…/deliveryPipelines/p/`, all of that pipeline."""
        pipeline = names.pipeline(name)
        if name == f"{pipeline}/":
            self._known.pop(pipeline, None)
        else:
            self._known.get(pipeline, {}).pop(name, None)
