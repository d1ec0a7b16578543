"""The providers, field by field."""

MspSpecInfo = provider(
    doc = "A service specification that was checked: building anything that uses it fails when it is not valid.",
    fields = {
        "canonical_json": """File: the resolved specification as canonical JSON on one line (defaults filled in, \
aliases expanded, keys sorted), which exists only for a valid one.""",
        "file": "File: the specification as it was written.",
    },
)

MspSpecReportInfo = provider(
    doc = "What the check of a service specification said; made without failing, also for one that is not valid.",
    fields = {
        "junit": "File: the result as a JUnit report, with one case that is named for the specification.",
        "log": "File: what is wrong, or that nothing is, as text.",
    },
)
