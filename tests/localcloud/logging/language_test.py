"""The Logging query language: what it says, what it finds in entries, and what it refuses."""

from typing import Any

import pytest
from google.cloud.audit import audit_log_pb2

from msp.localcloud.logging import messages as pb
from msp.localcloud.logging.language import All, AnyOf, Anywhere, Comparison, Not, parse
from msp.localcloud.logging.matching import between, fragments, matcher
from msp.localcloud.status import ApiError, Code


def entry() -> Any:
    made = pb.LogEntry(log_name="projects/p/logs/cloudaudit.googleapis.com%2Factivity", severity="NOTICE")
    made.timestamp.FromJsonString("2026-01-05T09:00:00.5Z")
    made.resource.type = "audited_resource"
    made.resource.labels["project_id"] = "p"
    made.labels["k8s-pod/app"] = "Blue"
    made.operation.id, made.operation.first = "operation-1", True
    payload = audit_log_pb2.AuditLog(
        service_name="clouddeploy.googleapis.com",
        method_name="google.cloud.deploy.v1.CloudDeploy.CreateRollout",
        resource_name="projects/p/locations/l/deliveryPipelines/d/releases/r/rollouts/o",
    )
    payload.authentication_info.principal_email = "Alice@example.com"
    payload.status.code = 9
    payload.authorization_info.add(permission="clouddeploy.rollouts.create", granted=True)
    payload.authorization_info.add(permission="clouddeploy.deployPolicies.override")
    payload.request.update({"rollout": {"targetId": "prod", "count": 3}, "labels": ["a", "b"], "force": True})
    payload.request_metadata.request_attributes.time.FromJsonString("2026-01-05T08:59:00Z")
    made.proto_payload.Pack(payload)
    return made


HOLDS = [
    "",
    '  -- a comment\n severity = "NOTICE" -- another',
    "protoPayload.methodName = google.cloud.deploy.v1.CloudDeploy.CreateRollout",
    'proto_payload.method_name : "createrollout"',
    'protoPayload.methodName =~ "Create(Rollout|Release)$"',
    'protoPayload.methodName !~ "^Create"',
    'protoPayload.authenticationInfo.principalEmail = "alice@example.com"',
    'protoPayload.authenticationInfo.principalEmail = ("bob@example.com" OR "alice@example.com")',
    'protoPayload.authorizationInfo.permission = "clouddeploy.deployPolicies.override"',
    "protoPayload.authorizationInfo.granted = true",
    "protoPayload.status.code > 0",
    "protoPayload.status.code:*",
    "NOT protoPayload.response:*",
    "NOT protoPayload.nickname = x",
    'protoPayload.@type = "type.googleapis.com/google.cloud.audit.AuditLog"',
    "protoPayload.request.rollout.targetId = prod AND protoPayload.request.rollout.count >= 3",
    "protoPayload.request.labels = b AND protoPayload.request.force = true",
    'protoPayload.request:"PRO"',
    'protoPayload.requestMetadata.requestAttributes.time < "2026-01-05T09:00:00Z"',
    'timestamp >= "2026-01-05T09:00:00Z" timestamp < "2026-01-05T09:00:01Z"',
    "timestamp > 2026-01-05T09:00:00Z",
    "timestamp >= 2026-01-05",
    'timestamp >= "2026-01-05T10:00:00.000000+0100"',
    "severity >= INFO AND severity < error",
    "resource.type = audited_resource\nresource.labels.project_id = p",
    'labels."k8s-pod/app" = blue',
    "labels.k8s-pod/app : BL",
    "operation.first = true AND operation.last = false",
    "operation.last != true",
    'logName : "cloudaudit" AND log_id("cloudaudit.googleapis.com/activity")',
    '"alice@EXAMPLE.com"',
    "prod -severity=ERROR",
    "severity=ERROR OR severity=NOTICE resource.type=audited_resource",
    "NOT (severity=ERROR OR severity=DEBUG)",
    'trace = ""',
]
DOES_NOT_HOLD = [
    "severity = ERROR",
    "protoPayload.nickname != x",
    "labels.none != x",
    "protoPayload.response:*",
    "trace:*",
    "protoPayload.status.code = nine",
    'protoPayload.methodName =~ "createrollout"',
    'timestamp < "2026-01-05T09:00:00Z"',
    "severity=NOTICE resource.type=gce_instance OR resource.type=k8s_pod",
    "bob",
    'protoPayload.methodName : "*"',
    'log_id("cloudaudit.googleapis.com/data_access")',
    "NOT NOT severity=ERROR",
]


@pytest.mark.parametrize("text", HOLDS)
def test_what_holds(text: str) -> None:
    assert matcher(text)(entry())


@pytest.mark.parametrize("text", DOES_NOT_HOLD)
def test_what_does_not_hold(text: str) -> None:
    assert not matcher(text)(entry())


@pytest.mark.parametrize("text", HOLDS)
def test_what_narrows_a_search_loses_nothing(text: str) -> None:
    made = entry()
    first, last = between(text)
    assert first <= made.timestamp.seconds * 10**9 + made.timestamp.nanos <= last
    payload = made.SerializeToString().lower()
    assert [fragment for fragment in fragments(text) if fragment not in payload] == []


def test_or_binds_tighter_than_and() -> None:
    a, b, c, d = (Anywhere(word) for word in "abcd")
    assert parse("a OR NOT b AND NOT c OR d") == All((AnyOf((a, Not(b))), AnyOf((Not(c), d))))
    assert parse("a b OR c") == All((a, AnyOf((b, c))))


def test_a_group_of_values_is_compared_one_by_one() -> None:
    path = ("severity",)
    both = AnyOf((Comparison(path, "=", "ERROR"), Not(Comparison(path, "=", "INFO"))))
    assert parse("severity=(ERROR OR NOT INFO)") == both


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("severity=", "syntax error at line 1, column 10, token ''"),
        ("a AND\nOR b", "line 2, column 1, token 'OR'"),
        ("(a", "syntax error"),
        ('a="b', "syntax error"),
        ("a)", "token ')'"),
        ("foo=bar", "field not found: 'foo'"),
        ("operation.thud=1", "field not found: 'operation.thud'"),
        ("textPayload.thud=1", "field not found: 'textPayload.thud'"),
        ("timestamp>=yesterday", "'yesterday' is not a timestamp"),
        ("timestamp>=2026-13-01", "'2026-13-01T00:00:00Z' is not a timestamp"),
        ("severity>=BAD", "'BAD' is not a severity"),
        ('protoPayload.methodName=~"("', "invalid regular expression '('"),
        ('protoPayload.methodName=~"a(?=b)"', "invalid regular expression"),
        ("sample(insertId, 0.1)", "the function sample is not emulated"),
        ("log_id(x)", "log_id takes one text"),
        ("(" * 60 + "a" + ")" * 60, "nested too deep"),
        ("a" * 20_001, "longer than 20000 characters"),
    ],
)
def test_what_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ApiError) as caught:
        matcher(text)
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert caught.value.message.startswith("Unparseable filter: ")
    assert problem in caught.value.message
