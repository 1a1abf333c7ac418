"""The deployment on Lambda: Amazon's rules and ours find nothing in the template, and find what is planted in it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.on_lambda import template as lambda_template
from tests.deploy.on_lambda.rules import findings, is_in_the_code
from tools.lambda_package import C_LIBRARY, PLATFORMS, CannotBuild, Target, template_for

TEXT = lambda_template.PATH.read_text(encoding="utf-8")

PLANTED = {
    "an index less": (r"        - IndexName: by_inbox\n.*\n.*\n", "", "the table's GlobalSecondaryIndexes"),
    "an index with other keys": ("user_status, KeyType: HASH", "user_id, KeyType: HASH", "GlobalSecondaryIndexes"),
    "a sort key less": (r"(?m)^        - {AttributeName: sk, KeyType: RANGE}\n", "", "the table's KeySchema"),
    "a table that may be deleted": ("DeletionProtectionEnabled: true", "DeletionProtectionEnabled: false", "Deletion"),
    "a table without recovery": ("RecoveryEnabled: true", "RecoveryEnabled: false", "no point-in-time recovery"),
    "a stream of keys": ("StreamViewType: NEW_IMAGE", "StreamViewType: KEYS_ONLY", "the table's stream"),
    "a table that goes with its stack": (
        r"(?s)(Orders:.*?)DeletionPolicy: Retain",
        r"\1DeletionPolicy: Delete",
        "Orders",
    ),
    "a bucket for all to read": (
        "BlockPublicPolicy: true",
        "BlockPublicPolicy: false",
        "the bucket has no BlockPublic",
    ),
    "a bucket without versions": ("Status: Enabled\n      Lifecycle", "Status: Suspended\n      Lifecycle", "versions"),
    "a bucket without TLS": ('"aws:SecureTransport": "false"', '"aws:SecureTransport": "true"', "without TLS"),
    "every action": ("- dynamodb:GetItem", "- dynamodb:*", 'OrdersAccess allows "dynamodb:*"'),
    "an action too many": ("- dynamodb:GetItem", "- dynamodb:GetItem\n              - dynamodb:Scan", "dynamodb:Scan"),
    "an action too few": (r" +- dynamodb:UpdateItem\n", "", "dynamodb:UpdateItem"),
    "orders that may be deleted": (r'\["R#\*"\]', '["*"]', "more than records may be deleted"),
    "every index": ("/index/by_time", "/index/*", "OrdersAccess allows"),
    "an index that may not be asked": (r" +- !Sub\n.*by_label\n.*\n", "", "by_label"),
    "every bus": ("Resource: !GetAtt Events.Arn", 'Resource: "*"', 'StreamRole allows "*"'),
    "a policy of Amazon's": (
        r"ManagedPolicyArns: \[",
        "ManagedPolicyArns: [arn:aws:iam::aws:policy/AmazonDynamoDBFullAccess, ",
        "HttpRole has a policy",
    ),
    "a function with a role that is made for it": (r" +Role: !GetAtt HttpRole.Arn\n", "", "HttpFunction has no role"),
    "a handler that there is not": ("lambda_stream.handler", "lambda_stream.handle", "StreamFunction has the handler"),
    "a setting that there is not": ("ORDERKEEP_LOG_LEVEL", "ORDERKEEP_LOGLEVEL", "ORDERKEEP_LOGLEVEL, which is no"),
    "a parameter that changes nothing": (", ${RestoredTableName}", "", "another RestoredTableName publishes no"),
    "an authorization that changes nothing": (", ${HttpAuthorization}", "", "another HttpAuthorization publishes no"),
    "logs for ever": (r" +RetentionInDays: !Ref LogRetentionDays\n", "", "keeps logs for ever"),
    "a log group that nobody made": (r" +LoggingConfig: {LogGroup: !Ref HttpLogs}\n", "", "HttpFunction logs into"),
    "an alarm less": (r"  HttpThrottles:(?s:.*?)\n\n", "", "nobody is told of HttpFunction's Throttles"),
    "an alarm that nobody hears": (r" +AlarmActions: .*\n", "", "tells nobody"),
    "a shorter time-out": ("Timeout: 29", "Timeout: 10", "does not fit its time-out"),
    "changes that are forgotten": (r"(?s) +DestinationConfig:.*?Arn\n", "", "changes that cannot be sent are not kept"),
    "a batch that fails as a whole": (r" +FunctionResponseTypes: .*\n", "", "FunctionResponseTypes"),
    "changes in any order": ("ParallelizationFactor: 1", "ParallelizationFactor: 10", "ParallelizationFactor is not 1"),
    "one change that stops all": (r" +MaximumRetryAttempts: .*\n", "", "stops all others"),
    "an open route": ("AuthorizationType: !Ref HttpAuthorization", "AuthorizationType: NONE", "a route is open"),
    "an API that is not throttled": (r" +ThrottlingRateLimit: .*\n", "", "any number of requests"),
    "an open API": ("Default: AWS_IAM", "Default: NONE", "open to the world unless"),
    "a service that believes an open API": (
        "[AsksItself, keys, authorizer]",
        "[AsksItself, authorizer, keys]",
        "is NONE",
    ),
    "a service that asks nobody": (r" +ORDERKEEP_AUTH: .*\n", "", "does not ask for authorizer"),
    "callers who may do nothing": (r" +ORDERKEEP_IAM_SCOPES: .*\n", "", "callers may do nothing"),
    "scopes that there are not": (
        "Default: read,write,",
        "Default: read,sell,",
        "the scopes read,sell,cancel,ship cannot",
    ),
    "callers who may do everything": (r"\^\(read\|", "^(admin|read|", "callers may be given admin"),
}


def lint(*paths: Path) -> set[tuple[str, str]]:
    """Return the file and the message of each finding."""
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--include-checks", "I", "--regions", "eu-central-1"]
    linted = subprocess.run(
        [*command, "--format", "json", "--", *map(str, paths)], capture_output=True, text=True, check=False
    )
    return {(Path(found["Filename"]).name, found["Message"]) for found in json.loads(linted.stdout)}


@pytest.fixture
def region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")


def test_cfn_lint_finds_an_unknown_property_and_nothing_else(region: None, tmp_path: Path) -> None:
    """In the template, in what Amazon makes of it, and in one with a planted fault: one process, it starts slowly."""
    expanded, wrong = tmp_path / "expanded.json", tmp_path / "wrong.yaml"
    expanded.write_text(json.dumps(lambda_template.expanded(lambda_template.read(TEXT))), encoding="utf-8")
    wrong.write_text(TEXT.replace("BillingMode:", "BilingMode:"), encoding="utf-8")

    found = lint(lambda_template.PATH, expanded, wrong)

    assert {name for name, _ in found} == {"wrong.yaml"}
    assert any("BilingMode" in message for _, message in found)


def test_the_template_keeps_our_rules() -> None:
    assert findings(TEXT) == []


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_found(fault: str) -> None:
    place, planted, expected = PLANTED[fault]
    changed = re.sub(place if "(" in place or "\\" in place else re.escape(place), planted, TEXT, count=0)
    assert changed != TEXT, "the fault is not planted"
    assert any(expected in finding for finding in findings(changed)), findings(changed)


def test_no_permission_is_added_by_amazon(region: None) -> None:
    ours, made = lambda_template.read(TEXT), lambda_template.expanded(lambda_template.read(TEXT))
    for kind in ("AWS::IAM::Role", "AWS::IAM::ManagedPolicy", "AWS::Lambda::Permission"):
        assert lambda_template.of_type(made, kind) == lambda_template.of_type(ours, kind)


def test_the_filter_lets_new_changes_through_alone(region: None) -> None:
    made = lambda_template.expanded(lambda_template.read(TEXT))
    [source] = lambda_template.of_type(made, "AWS::Lambda::EventSourceMapping").values()
    [pattern] = (json.loads(each["Pattern"]) for each in source["FilterCriteria"]["Filters"])
    assert pattern == {"eventName": ["INSERT"], "dynamodb": {"Keys": {"sk": {"S": [{"prefix": "C#"}]}}}}


@pytest.mark.parametrize("python", C_LIBRARY)
@pytest.mark.parametrize("architecture", PLATFORMS)
def test_a_package_brings_a_template_that_fits_it(architecture: str, python: str, tmp_path: Path) -> None:
    archive = tmp_path / "package.zip"
    archive.write_bytes(f"{architecture} {python}".encode())
    text = template_for(Target(architecture, python), archive, TEXT)

    template = lambda_template.read(text)
    assert template["Globals"]["Function"]["Runtime"] == f"python{python}"
    assert template["Globals"]["Function"]["Architectures"] == [architecture]
    functions = lambda_template.of_type(template, "AWS::Serverless::Function").values()
    assert [function["CodeUri"] for function in functions] == ["package.zip"] * 2
    assert findings(text) == []


def test_another_package_or_template_publishes_a_new_version(tmp_path: Path) -> None:
    def releases(package: bytes, text: str) -> list[str]:
        (tmp_path / "package.zip").write_bytes(package)
        template = template_for(Target("arm64", "3.13"), tmp_path / "package.zip", text)
        return re.findall(r"release (\w+)", template)

    first = releases(b"one", TEXT)
    assert first == releases(b"one", TEXT)
    assert len(first) == 1
    assert {*first}.isdisjoint(releases(b"two", TEXT))
    assert {*first}.isdisjoint(releases(b"one", TEXT.replace("Timeout: 29", "Timeout: 28")))


def test_the_longest_parameters_fit_the_description_of_a_version(tmp_path: Path) -> None:
    (tmp_path / "package.zip").write_bytes(b"package")
    template = lambda_template.read(template_for(Target("arm64", "3.13"), tmp_path / "package.zip", TEXT))
    longest = {"RestoredTableName": "t" * 40, "Seller": "s" * template["Parameters"]["Seller"]["MaxLength"]}
    longest |= {"MemorySize": "10240", "LogLevel": "critical", "SnapStart": "PublishedVersions"}
    longest |= {"HttpAuthorization": "AWS_IAM", "IamScopes": "s" * template["Parameters"]["IamScopes"]["MaxLength"]}
    assert not re.fullmatch(template["Parameters"]["RestoredTableName"]["AllowedPattern"], "t" * 41)
    for version in lambda_template.of_type(template, "AWS::Lambda::Version").values():
        assert len(lambda_template.resolved(version["Description"], longest)) <= 256


def test_a_template_that_a_package_cannot_complete_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "package.zip").write_bytes(b"package")
    with pytest.raises(CannotBuild, match="has no place for python3"):
        template_for(Target("arm64", "3.13"), tmp_path / "package.zip", TEXT.replace("Runtime:", "Runtimes:"))


def test_a_handler_is_looked_up_without_being_started() -> None:
    assert is_in_the_code("orderkeep.entrypoints.lambda_handler.handler")
    assert not is_in_the_code("orderkeep.entrypoints.lambda_handler.handle")
    assert not is_in_the_code("orderkeep.entrypoints.lambda_nothing.handler")


def test_the_page_names_parameters_and_outputs_that_there_are() -> None:
    template = lambda_template.read(TEXT)
    page = (lambda_template.PATH.parents[2] / "docs" / "how-to" / "deploy" / "lambda.md").read_text(encoding="utf-8")
    parameters = set(re.findall(r"\b([A-Z][a-z]\w+)=(?!=)", page))
    outputs = set(re.findall(r"outputs? `?([A-Z]\w+)|OutputKey=='(\w+)'", page))
    assert {"RestoredTableName", "SnapStart"} <= parameters <= template["Parameters"].keys()
    assert {"Url", "Store"} <= {one or other for one, other in outputs} <= template["Outputs"].keys()
