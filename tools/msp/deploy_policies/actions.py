"""What restrictions can forbid, and to whom."""

from msp.gcp.words import Word


class Action(Word):
    """What a deploy policy can forbid to do with rollouts."""

    UNSPECIFIED = "UNSPECIFIED"
    ADVANCE = "ADVANCE"
    APPROVE = "APPROVE"
    CANCEL = "CANCEL"
    CREATE = "CREATE"
    IGNORE_JOB = "IGNORE_JOB"
    RETRY_JOB = "RETRY_JOB"
    ROLLBACK = "ROLLBACK"
    TERMINATE_JOBRUN = "TERMINATE_JOBRUN"


class Invoker(Word):
    """Who does it."""

    UNSPECIFIED = "UNSPECIFIED"
    USER = "USER"
    DEPLOY_AUTOMATION = "DEPLOY_AUTOMATION"
