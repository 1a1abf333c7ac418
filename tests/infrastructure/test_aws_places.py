"""Where a service of AWS is: the same variables count for the table, the bucket and the event bus."""

import pytest

from orderkeep.domain.exceptions import StoreUnusable
from orderkeep.infrastructure.aws_places import is_here, located

SERVICES = ("DYNAMODB", "S3", "EVENTBRIDGE")


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    services = [f"AWS_ENDPOINT_URL_{service}" for service in SERVICES]
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", *services):
        monkeypatch.delenv(name, raising=False)


def test_what_is_given_counts_before_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-2")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://s3.example.com")
    assert located("S3", "eu-west-3", "https://minio.example.com") == ("eu-west-3", "https://minio.example.com")


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_has_a_variable_of_its_own(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://all.example.com")
    assert located(service, None, None) == ("eu-central-1", "https://all.example.com")
    monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", "https://one.example.com")
    monkeypatch.setenv("AWS_REGION", "us-east-2")
    assert located(service, None, None) == ("us-east-2", "https://one.example.com")


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
def test_refuses_an_endpoint_that_is_none_and_tells_which_variable(
    endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    with pytest.raises(StoreUnusable, match="set AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL anew") as refused:
        located("S3", "eu-central-1", None)
    assert endpoint not in str(refused.value)


@pytest.mark.parametrize("region", ["eu central", "eu-central-1\n", "é", "e" * 65])
def test_refuses_a_region_that_is_none(region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", region)
    with pytest.raises(StoreUnusable, match="set AWS_REGION anew"):
        located("DYNAMODB", None, None)


def test_only_a_server_on_this_machine_needs_no_region() -> None:
    assert located("S3", None, "http://localhost:9000") == ("us-east-1", "http://localhost:9000")
    assert located("S3", None, "https://s3.example.com") == ("", "https://s3.example.com")


@pytest.mark.parametrize("endpoint", ["http://127.0.0.2:8000", "http://[::1]:8000/", "http://localhost"])
def test_knows_this_machine(endpoint: str) -> None:
    assert is_here(endpoint)


@pytest.mark.parametrize("endpoint", [None, "", "http://10.0.0.7", "http://localhost.example.com", "http://[::1"])
def test_takes_nothing_else_for_this_machine(endpoint: str | None) -> None:
    assert not is_here(endpoint)
