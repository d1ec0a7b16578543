"""`service.yaml` -> `Spec`, or everything that is wrong with it."""

from pathlib import Path

from pydantic import ValidationError

from msp.errors import UsageError
from msp.spec.messages import Finding, findings
from msp.spec.model import Spec
from msp.spec.node import Node, Place, Scalar, place, plain
from msp.spec.rules import check
from msp.spec.source import MAX_BYTES, Source
from msp.spec.yaml_tree import compose


def load(path: Path, *, file: str | None = None) -> Spec:
    """Reads a service specification.

    Args:
        path: The file, in YAML: `svc/service.yaml`.
        file: What problems call it; as `path` when None.

    Raises:
        SpecError: It is not valid; the error has every problem.
        UsageError: It can't be read.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{file or path}: can't be read: {error.strerror}", hint="is the path right?") from error
    return parse(data, file or str(path))


def parse(text: bytes, file: str) -> Spec:
    """Reads a service specification's text.

    Args:
        text: The bytes of the file: YAML in UTF-8, with or without byte order mark.
        file: What problems call the file: `svc/service.yaml`.

    Raises:
        SpecError: It is not valid; the error has every problem.
    """
    source = Source(text, file)
    source.raise_problems()
    root = compose(source.text, source.report)
    if root is None:
        source.raise_problems()
    if root is None or (isinstance(root, Scalar) and root.value is None):
        source.report(Place(1, 1), (), "the file is empty; a specification has `service`, `build` and `environments`")
        source.raise_problems()
    assert root is not None  # noqa: S101
    spec = _check(root, source)
    source.raise_problems()
    assert spec is not None, "a specification without problems was built"  # noqa: S101
    return spec


def _check(root: Node, source: Source) -> Spec | None:
    """Reports what is wrong in a document; the specification when nothing is wrong with its fields."""
    spec, found = None, list[Finding]()
    try:
        spec = Spec.model_validate(plain(root))
    except ValidationError as error:
        found += findings(error, Spec, root)
    found += check(root, {finding.path for finding in found})
    for finding in found:
        source.report(place(root, finding.path, key=finding.at_key), finding.path, finding.message)
    return spec
