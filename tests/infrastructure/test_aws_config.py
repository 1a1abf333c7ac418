"""Endpoints of AWS services: the same variables configure the table, the bucket and the event bus."""

import pytest

from orderkeep.domain.exceptions import StoreUnusable
from orderkeep.infrastructure.aws.config import Endpoint, is_local

SERVICES = {"dynamodb": "DYNAMODB", "s3": "S3", "events": "EVENTBRIDGE"}


@pytest.fixture(autouse=True)
def no_aws_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    services = [f"AWS_ENDPOINT_URL_{service}" for service in SERVICES.values()]
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", *services):
        monkeypatch.delenv(name, raising=False)


def test_arguments_take_precedence_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-2")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://s3.example.com")
    expected = Endpoint("eu-west-3", "https://minio.example.com")
    assert Endpoint.of("s3", "eu-west-3", "https://minio.example.com") == expected


@pytest.mark.parametrize("service", SERVICES)
def test_the_variable_of_a_service_takes_precedence(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://all.example.com")
    assert Endpoint.of(service, None, None) == Endpoint("eu-central-1", "https://all.example.com")
    monkeypatch.setenv(f"AWS_ENDPOINT_URL_{SERVICES[service]}", "https://one.example.com")
    monkeypatch.setenv("AWS_REGION", "us-east-2")
    assert Endpoint.of(service, None, None) == Endpoint("us-east-2", "https://one.example.com")


@pytest.mark.parametrize(
    "endpoint",
    [
        "bucket.test",
        "ftp://bucket.test",
        "http://",
        "http://h:99999",
        "http://h:0",
        "http://[::1",
        "https://u:p@h",
    ],
)
def test_rejects_an_invalid_endpoint_and_names_its_variable(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    with pytest.raises(StoreUnusable, match="correct AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL") as refused:
        Endpoint.of("s3", "eu-central-1", None)
    assert endpoint not in str(refused.value)


@pytest.mark.parametrize("region", ["eu central", "eu-central-1\n", "é", "e" * 65])
def test_rejects_an_invalid_region(region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", region)
    with pytest.raises(StoreUnusable, match="correct AWS_REGION"):
        Endpoint.of("dynamodb", None, None)


def test_only_a_local_endpoint_has_a_default_region() -> None:
    assert Endpoint.of("s3", None, "http://localhost:9000") == Endpoint("us-east-1", "http://localhost:9000")
    with pytest.raises(StoreUnusable, match="the AWS region is not known: set AWS_REGION"):
        Endpoint.of("s3", None, "https://s3.example.com")


@pytest.mark.parametrize("service", SERVICES)
def test_the_default_endpoint_is_amazons_in_the_region(service: str) -> None:
    assert Endpoint.of(service, "eu-west-3", None).url == f"https://{service}.eu-west-3.amazonaws.com"
    assert Endpoint.of(service, "cn-north-1", None).url == f"https://{service}.cn-north-1.amazonaws.com.cn"


@pytest.mark.parametrize("endpoint", ["http://127.0.0.2:8000", "http://[::1]:8000/", "http://localhost"])
def test_recognizes_local_endpoints(endpoint: str) -> None:
    assert is_local(endpoint)


@pytest.mark.parametrize("endpoint", [None, "", "http://10.0.0.7", "http://localhost.example.com", "http://[::1"])
def test_other_endpoints_are_not_local(endpoint: str | None) -> None:
    assert not is_local(endpoint)
