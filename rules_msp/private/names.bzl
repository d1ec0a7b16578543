"""What Google and registries take as names, so that a wrong one is told when a target is built.

These are the rules of `tools/msp`, which checks the names that it makes of these; a test compares the two. Each function
returns what is wrong and what to write, or None.
"""

_DIGITS = "0123456789"
_LOWER = "abcdefghijklmnopqrstuvwxyz"
_UPPER = _LOWER.upper()

_PIPELINE_LIMIT = 63  # https://cloud.google.com/deploy/docs/api/reference/rest/v1/projects.locations.deliveryPipelines/create
_REPOSITORY_LIMIT = 255  # with its host, https://pkg.go.dev/github.com/distribution/reference

_REGIONS = [
    "africa-south1",
    "asia-east1",
    "asia-east2",
    "asia-northeast1",
    "asia-northeast2",
    "asia-northeast3",
    "asia-south1",
    "asia-south2",
    "asia-southeast1",
    "asia-southeast2",
    "australia-southeast1",
    "australia-southeast2",
    "europe-central2",
    "europe-north1",
    "europe-north2",
    "europe-southwest1",
    "europe-west1",
    "europe-west10",
    "europe-west12",
    "europe-west2",
    "europe-west3",
    "europe-west4",
    "europe-west6",
    "europe-west8",
    "europe-west9",
    "me-central1",
    "me-central2",
    "me-west1",
    "northamerica-northeast1",
    "northamerica-northeast2",
    "northamerica-south1",
    "southamerica-east1",
    "southamerica-west1",
    "us-central1",
    "us-east1",
    "us-east4",
    "us-east5",
    "us-south1",
    "us-west1",
    "us-west2",
    "us-west3",
    "us-west4",
]

def region_problem(region):
    """Whether a region is one of Google Cloud's.

    Args:
        region: string: the region, such as `us-central1`.

    Returns:
        string or None: what is wrong.
    """
    if region in _REGIONS:
        return None
    nearest = min([(_distance(region.lower(), known), known) for known in _REGIONS])
    guess = "did you mean \"{}\"?".format(nearest[1]) if nearest[0] <= 3 else "write one such as \"us-central1\""
    return "is not a Google Cloud region: " + guess

def project_problem(project):
    """Whether Google Cloud takes a text as a project's id.

    Args:
        project: string: the id, such as `msp-example-prod-0000`.

    Returns:
        string or None: what is wrong.
    """

    # https://cloud.google.com/resource-manager/docs/creating-managing-projects#before_you_begin
    if 6 <= len(project) and len(project) <= 30 and _is_dashed(project) and project[-1] != "-":
        return None
    return ("is not a project's id: write 6 to 30 lower-case letters, digits and hyphens that begin with a letter and " +
            "don't end with a hyphen")

def service_id_problem(service_id, region):
    """Whether Cloud Deploy takes the pipeline's id that a service's id makes.

    Args:
        service_id: string: the service's id, such as `msp-example`.
        region: string: the pipeline's region.

    Returns:
        string or None: what is wrong.
    """
    if not _is_dashed(service_id):
        return "is not a service's id: write lower-case letters, digits and hyphens, beginning with a letter"
    pipeline = "{}-{}-rollout".format(service_id, region)
    if len(pipeline) <= _PIPELINE_LIMIT:
        return None
    return "makes the pipeline \"{}\" of {} characters, where Cloud Deploy takes {}: shorten it by {}".format(
        pipeline,
        len(pipeline),
        _PIPELINE_LIMIT,
        len(pipeline) - _PIPELINE_LIMIT,
    )

def repository_problem(repository):
    """Whether a text names a repository of images: registry and name, without tag or digest.

    Args:
        repository: string: the text, such as `us.gcr.io/sourcegraph-dev/msp-example`.

    Returns:
        string or None: what is wrong.
    """
    scheme, slashes, _ = repository.partition("://")
    if slashes:
        return "is a URL: leave out \"{}://\"".format(scheme)
    rest, at, digest = repository.partition("@")
    if at:
        return "names one image, not a repository: leave out \"@{}\"".format(digest)
    host, slash, rest = rest.partition("/")
    if not slash or not ("." in host or ":" in host or host == "localhost"):
        return "does not start with a registry: write it out, as in \"us.gcr.io/project/msp-example\""
    if not _is_host(host):
        return "has \"{}\" where the registry's host is to be, such as \"us.gcr.io\"".format(host)
    name, colon, tag = rest.partition(":")
    if colon:
        return "names one image, not a repository: leave out \":{}\"".format(tag)
    for component in name.split("/"):
        if not _is_component(component):
            return ("has \"{}\" after the registry: write lower-case letters and digits, separated by / . _ __ or -".format(name))
    if len(repository) > _REPOSITORY_LIMIT:
        return "has {} characters, where registries take {}".format(len(repository), _REPOSITORY_LIMIT)
    return None

def _only(text, characters):
    """Whether a text is not empty and has none but these characters."""
    return text != "" and text.strip(characters) == ""

def _is_dashed(text):
    """Whether a text has lower-case letters, digits and hyphens, and begins with a letter."""
    return _only(text, _LOWER + _DIGITS + "-") and text[0] in _LOWER

def _is_host(text):
    if text.startswith("["):
        address, bracket, port = text[1:].partition("]")
        return bracket != "" and _only(address, _DIGITS + "abcdefABCDEF:") and (port == "" or port[0] == ":" and _only(port[1:], _DIGITS))
    name, colon, port = text.partition(":")
    for part in name.split("."):
        if not _only(part, _LOWER + _UPPER + _DIGITS + "-") or part[0] == "-" or part[-1] == "-":
            return False
    return colon == "" or _only(port, _DIGITS)

def _is_component(text):
    """Whether a text is one part of a repository's name: letters and digits, with a separator between any two."""
    if not _only(text, _LOWER + _DIGITS + "._-") or text[0] in "._-" or text[-1] in "._-":
        return False
    between = "".join([text[i] if text[i] in "._-" else " " for i in range(len(text))])
    for separator in between.split(" "):
        if separator not in ["", ".", "_", "__"] and not _only(separator, "-"):
            return False
    return True

def _distance(one, other):
    """How many characters must be added, left out or changed to make one text of the other."""
    above = list(range(len(other) + 1))
    for i in range(len(one)):
        row = [i + 1]
        for j in range(len(other)):
            changed = above[j] + (0 if one[i] == other[j] else 1)
            row.append(min([above[j + 1] + 1, row[j] + 1, changed]))
        above = row
    return above[-1]
