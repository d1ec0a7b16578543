"""Where the tools keep on a resource what Cloud Deploy has no field for."""

from msp import names

# On a release.
COMMIT = "commit"
SUBJECT = "commit_message_base64"
AUTHOR = "author"
RELEASED_BY = "released_by"
DIGEST = "digest"
BUILD_NUMBER = "build_number"
BUILD_URL = "build_url"

# On a target: whether an approval is to come from somebody else than the commit's author.
NOT_AUTHOR = names.NOT_AUTHOR_ANNOTATION

# On a rollout, an automation that is held, a policy, a suspended pipeline: why, who, and when (RFC 3339).
REASON = names.REASON_ANNOTATION
BY = names.BY_ANNOTATION
SINCE = names.SINCE_ANNOTATION
