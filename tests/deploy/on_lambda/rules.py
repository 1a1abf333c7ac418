"""What a template for Lambda must hold, beyond what cfn-lint knows: it fits the code, is kept, closed and watched."""

import ast
import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from orderkeep.config import Settings
from orderkeep.infrastructure.dynamo_repo.items import INDEXES, RECORD_PREFIX
from orderkeep.infrastructure.dynamo_repo.setup import STREAM, creation
from tests.deploy.on_lambda.rules_of_callers import nobody_comes_in_unasked, whom_iam_let_in_may_do_what_is_said
from tests.deploy.on_lambda.template import AnyName, Template, environment_of, of_type, read
from tests.docs.dynamo_tables import OPERATIONS

Rule = Callable[[Template], Iterator[str]]

FUNCTIONS = {
    "HttpFunction": "orderkeep.entrypoints.lambda_handler.handler",
    "StreamFunction": "orderkeep.entrypoints.lambda_stream.handler",
}
SET_ELSEWHERE = {"documents", "seller"} - Settings.model_fields.keys()
"""Settings that another part of the service brings."""

TABLE_ACTIONS = {action for action, _ in OPERATIONS.values()} | {"dynamodb:DescribeTable"}
"""What the reference says, and a look at the table's keys and indexes while a container starts."""

OBJECTS = ({"Fn::Sub": "${Documents.Arn}/*"}, {"Fn::Sub": "${Documents.Arn}/orders/*"})
"""The objects of the one bucket, and those of orders: the only asterisks that permissions have."""

RECORDS_ONLY = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{RECORD_PREFIX}*"]}}

KEPT = ("Orders", "Documents", "FailedChanges")
ALARMED = {"Errors", "Throttles", "Duration"}
LONGEST_SHARE = 0.8


def findings(text: str) -> list[str]:
    """Return what is wrong with a template, by our rules."""
    template = read(text)
    return [finding for rule in RULES for finding in rule(template)]


def is_in_the_code(handler: str) -> bool:
    """Tell whether there is such a function, without importing it: that would open the store."""
    module, _, name = handler.rpartition(".")
    found = importlib.util.find_spec(module)
    if found is None or found.origin is None:
        return False
    body = ast.parse(Path(found.origin).read_text(encoding="utf-8")).body
    return any(isinstance(each, ast.FunctionDef) and each.name == name for each in body)


def _the_table_is_the_one_that_the_code_creates(template: Template) -> Iterator[str]:
    table = template["Resources"]["Orders"]["Properties"]
    for name, wanted in creation(deletion_protection=True).items():
        if table.get(name) != wanted:
            yield f"the table's {name} is {table.get(name)}, and the code creates {wanted}"
    if table.get("StreamSpecification") != {"StreamViewType": STREAM["StreamViewType"]}:
        yield "the table's stream is not the one that the stream function reads"


def _what_is_kept_is_protected(template: Template) -> Iterator[str]:
    for name in KEPT:
        for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
            if template["Resources"][name].get(policy) != "Retain":
                yield f"{name} has no {policy} of Retain"
    table = template["Resources"]["Orders"]["Properties"]
    if table.get("PointInTimeRecoverySpecification") != {"PointInTimeRecoveryEnabled": True}:
        yield "the table has no point-in-time recovery"
    if table.get("SSESpecification") != {"SSEEnabled": True}:
        yield "the table is not encrypted with a key of the account"


def _the_bucket_is_private(template: Template) -> Iterator[str]:
    bucket = template["Resources"]["Documents"]["Properties"]
    blocked = bucket.get("PublicAccessBlockConfiguration", {})
    switches = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    yield from (f"the bucket has no {switch}" for switch in switches if blocked.get(switch) is not True)
    if "BucketEncryption" not in bucket:
        yield "the bucket is not encrypted"
    if bucket.get("VersioningConfiguration") != {"Status": "Enabled"}:
        yield "the bucket keeps no versions"
    [policy] = of_type(template, "AWS::S3::BucketPolicy").values()
    [deny] = policy["PolicyDocument"]["Statement"]
    if (deny["Effect"], deny["Condition"]) != ("Deny", {"Bool": {"aws:SecureTransport": "false"}}):
        yield "the bucket can be asked without TLS"


def _no_permission_is_wider_than_its_name(template: Template) -> Iterator[str]:
    for name, function in of_type(template, "AWS::Serverless::Function").items():
        if "Policies" in function or set(function.get("Role", {})) != {"Fn::GetAtt"}:
            yield f"{name} has no role of its own"
    for name, role in of_type(template, "AWS::IAM::Role").items():
        if any(set(policy) != {"Ref"} for policy in role.get("ManagedPolicyArns", ())):
            yield f"{name} has a policy that does not stand in this template"
    for name, statement in _statements(template):
        for part in ("Action", "Resource"):
            yield from (
                f"{name} allows {json.dumps(value)}"
                for value in _listed(statement.get(part))
                if "*" in json.dumps(value) and value not in OBJECTS
            )
        if {"NotAction", "NotResource", "NotPrincipal"} & statement.keys():
            yield f"{name} allows all but something"


def _the_table_may_be_used_as_the_reference_says(template: Template) -> Iterator[str]:
    actions: set[str] = set()
    indexes: set[str] = set()
    for name, statement in _statements(template):
        if name != "OrdersAccess":
            continue
        actions |= set(_listed(statement["Action"]))
        if "dynamodb:DeleteItem" in _listed(statement["Action"]) and statement.get("Condition") != RECORDS_ONLY:
            yield "more than records may be deleted"
        arns = [resource["Fn::Sub"][0] for resource in _listed(statement["Resource"])]
        indexes |= {arn.rpartition("/index/")[2] for arn in arns if "/index/" in arn}
        if any("/index/" in arn for arn in arns) and _listed(statement["Action"]) != ["dynamodb:Query"]:
            yield "an index may be used for more than queries"
    if actions != TABLE_ACTIONS:
        yield f"of the table, {sorted(actions ^ TABLE_ACTIONS)} differ from what the reference says"
    if indexes != INDEXES.keys():
        yield f"of the indexes, {sorted(indexes ^ INDEXES.keys())} differ from what the code asks"


def _functions_are_those_of_the_code(template: Template) -> Iterator[str]:
    found = of_type(template, "AWS::Serverless::Function")
    handlers = {name: function["Handler"] for name, function in found.items()}
    yield from (
        f"{name} has the handler {handlers.get(name)}" for name in FUNCTIONS if handlers.get(name) != FUNCTIONS[name]
    )
    for name, handler in handlers.items():
        if not is_in_the_code(handler):
            yield f"there is no {handler}"
        for variable in environment_of(template, name, AnyName()):
            setting = variable.removeprefix("ORDERKEEP_").lower()
            if setting not in Settings.model_fields.keys() | SET_ELSEWHERE:
                yield f"{name} sets {variable}, which is no setting"


def _what_is_set_is_published(template: Template) -> Iterator[str]:
    versions = of_type(template, "AWS::Lambda::Version").values()
    words = {version["FunctionName"]["Ref"]: version["Description"]["Fn::Sub"] for version in versions}
    shared = template["Globals"]["Function"]
    for name, function in of_type(template, "AWS::Serverless::Function").items():
        if "SnapStart" in function or name in words:
            asked = json.dumps([shared, {**function, "ReservedConcurrentExecutions": None}])
            asked += "".join(
                json.dumps(condition) for each, condition in template["Conditions"].items() if f'"{each}"' in asked
            )
            used = [each for each in template["Parameters"] if f'{{"Ref": "{each}"}}' in asked]
            yield from (
                f"another {each} publishes no {name}" for each in used if f"${{{each}}}" not in words.get(name, "")
            )


def _logs_end(template: Template) -> Iterator[str]:
    groups = of_type(template, "AWS::Logs::LogGroup")
    yield from (f"{name} keeps logs for ever" for name, group in groups.items() if "RetentionInDays" not in group)
    for name, function in of_type(template, "AWS::Serverless::Function").items():
        if function.get("LoggingConfig", {}).get("LogGroup", {}).get("Ref") not in groups:
            yield f"{name} logs into a group that keeps logs for ever"


def _somebody_is_told(template: Template) -> Iterator[str]:
    alarms = of_type(template, "AWS::CloudWatch::Alarm")
    told = {(json.dumps(alarm.get("Dimensions")), alarm.get("MetricName")): alarm for alarm in alarms.values()}
    yield from (f"{name} tells nobody" for name, alarm in alarms.items() if "AlarmActions" not in alarm)
    for name, function in of_type(template, "AWS::Serverless::Function").items():
        of_this = {metric: alarm for (where, metric), alarm in told.items() if f'"{name}"' in where}
        yield from (f"nobody is told of {name}'s {metric}" for metric in sorted(ALARMED - of_this.keys()))
        if "Duration" in of_this and of_this["Duration"]["Threshold"] != LONGEST_SHARE * 1000 * function["Timeout"]:
            yield f"the alarm of {name}'s duration does not fit its time-out"
    metrics = {metric for _, metric in told} | {
        query["MetricStat"]["Metric"]["MetricName"]
        for alarm in alarms.values()
        for query in alarm.get("Metrics", ())
        if "MetricStat" in query
    }
    wanted = {"IteratorAge", "ApproximateNumberOfMessagesVisible", "5xx", "ThrottledRequests", "SystemErrors"}
    yield from (f"nobody is told of {metric}" for metric in sorted(wanted - metrics))


def _no_change_is_lost_on_its_way_out(template: Template) -> Iterator[str]:
    source = template["Resources"]["StreamFunction"]["Properties"]["Events"]["Changes"]["Properties"]
    wanted = {
        "BisectBatchOnFunctionError": True,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ParallelizationFactor": 1,
        "StartingPosition": "TRIM_HORIZON",
    }
    yield from (f"the stream's {name} is not {value}" for name, value in wanted.items() if source.get(name) != value)
    if source.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination") != {
        "Fn::GetAtt": ["FailedChanges", "Arn"]
    }:
        yield "changes that cannot be sent are not kept"
    if source.get("MaximumRetryAttempts", -1) < 0:
        yield "one change that cannot be sent stops all others"


RULES: tuple[Rule, ...] = (
    _the_table_is_the_one_that_the_code_creates,
    _what_is_kept_is_protected,
    _the_bucket_is_private,
    _no_permission_is_wider_than_its_name,
    _the_table_may_be_used_as_the_reference_says,
    _functions_are_those_of_the_code,
    _what_is_set_is_published,
    _logs_end,
    _somebody_is_told,
    _no_change_is_lost_on_its_way_out,
    nobody_comes_in_unasked,
    whom_iam_let_in_may_do_what_is_said,
)


def _statements(template: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, policy in of_type(template, "AWS::IAM::ManagedPolicy").items():
        yield from ((name, statement) for statement in policy["PolicyDocument"]["Statement"])
    for name, role in of_type(template, "AWS::IAM::Role").items():
        for policy in role.get("Policies", ()):
            yield from ((name, statement) for statement in policy["PolicyDocument"]["Statement"])


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
