"""The requests of the S3 document store, and what it makes of every response."""

import base64
import io
import subprocess
import sys
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from orderkeep.bootstrap.documents import open_documents
from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable
from orderkeep.infrastructure import s3_documents
from orderkeep.infrastructure.aws import NO_CREDENTIALS, UNREACHABLE
from orderkeep.infrastructure.s3_documents import ERRORS
from tests.servers.scripted_s3 import Answer, scripted_s3

KEY = "orders/web:7781/one.html"
WHERE = "/shop-documents/kept/orders/web%3A7781/one.html"
CONFLICT = Answer(409, "ConditionalRequestConflict")
FOUND = Answer(body=b"the whole document", headers={"last-modified": "Mon, 23 Nov 2026 10:00:00 GMT", "etag": '"1"'})
DONE = Answer(headers={"etag": '"1"'})


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "PROFILE", "REGION", "DEFAULT_REGION"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))


def checksum(content: bytes) -> str:
    return base64.b64encode(sha256(content).digest()).decode()


async def test_puts_what_is_not_there_with_its_checksum() -> None:
    with scripted_s3(DONE) as s3:
        await s3.documents().put(KEY, b"one", "text/html")
    (put,) = s3.asked
    assert (put.method, put.path, put.body) == ("PUT", WHERE, b"one")
    assert put.headers["if-none-match"] == "*"
    assert put.headers["x-amz-checksum-sha256"] == checksum(b"one")
    assert put.headers["content-type"] == "text/html"
    assert not [name for name in put.headers if "server-side-encryption" in name]


@pytest.mark.parametrize("absent", [404, 403], ids=["who may list", "who may not list"])
async def test_puts_a_large_file_in_parts_each_with_its_checksum(absent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_documents, "PART_BYTES", 5 << 20)
    content = bytes(range(256)) * (28 << 10)
    begun = Answer(body=b"<InitiateMultipartUploadResult><UploadId>up-1</UploadId></InitiateMultipartUploadResult>")
    ended = Answer(body=b"<CompleteMultipartUploadResult><ETag>2</ETag></CompleteMultipartUploadResult>")
    part = Answer(headers={"etag": '"3"', "x-amz-checksum-sha256": "as-s3-says"})
    with scripted_s3(Answer(absent), begun, part, part, ended) as s3:
        await s3.documents().put(KEY, io.BytesIO(content), "text/csv")
    look, begin, *parts, end = s3.asked
    assert [each.method for each in s3.asked] == ["HEAD", "POST", "PUT", "PUT", "POST"]
    assert (look.path, begin.headers["content-type"]) == (WHERE, "text/csv")
    assert begin.headers["x-amz-checksum-algorithm"] == "SHA256"
    assert {each.headers["x-amz-checksum-sha256"] for each in parts} == {checksum(each.body) for each in parts}
    assert b"".join(each.body for each in sorted(parts, key=lambda each: each.path)) == content
    assert end.body.count(b"<ChecksumSHA256>as-s3-says</ChecksumSHA256>") == 2


async def test_puts_nothing_where_a_large_file_is_there() -> None:
    with scripted_s3(FOUND) as s3:
        await s3.documents().put(KEY, io.BytesIO(bytes(s3_documents.PART_BYTES + 1)), "text/csv")
    assert [each.method for each in s3.asked] == ["HEAD"]


async def test_document_that_exists_already_is_not_sent_again() -> None:
    with scripted_s3(Answer(412, "PreconditionFailed")) as s3:
        await s3.documents().put(KEY, b"one", "text/html")
    assert len(s3.asked) == 1


async def test_asks_again_where_s3_could_not_decide() -> None:
    with scripted_s3(CONFLICT, Answer(409, "OperationAborted"), DONE) as s3:
        await s3.documents().put(KEY, b"one", "text/html")
    assert [each.body for each in s3.asked] == [b"one", b"one", b"one"]
    with scripted_s3(CONFLICT) as s3, pytest.raises(StoreUnavailable, match="another writer puts the same document"):
        await s3.documents().put(KEY, b"one", "text/html")
    assert len(s3.asked) == s3_documents.ATTEMPTS


@pytest.mark.parametrize("code", sorted(ERRORS.keys() - {NO_CREDENTIALS, UNREACHABLE}))
async def test_error_says_what_to_fix(code: str) -> None:
    kind, message = ERRORS[code]
    with scripted_s3(Answer(400, code)) as s3:
        for asked in (s3.documents().put(KEY, b"one", "text/html"), s3.documents().get(KEY)):
            with pytest.raises(StoreUnavailable) as refused:
                await asked
            assert (type(refused.value), str(refused.value)) == (kind, f"{message} ({code})")


@pytest.mark.parametrize(
    "answer, kind, message",
    [
        (Answer(404, "NoSuchBucket"), StoreUnusable, "there is no such bucket"),
        (Answer(403, "AccessDenied"), StoreUnusable, "these AWS credentials may not do this"),
        (Answer(403, "KMS.DisabledException"), StoreUnusable, "the bucket's encryption key"),
        (Answer(301), StoreUnusable, "the bucket is in another region: add"),
        (Answer(404, body=b"<html>no shop here</html>"), StoreUnusable, "does not respond as S3 does: status 404"),
        (Answer(503, "SlowDown"), StoreUnavailable, "limits the rate"),
        (Answer(500, body=b"oh"), StoreUnavailable, "S3 could not do it: try again"),
    ],
    ids=lambda value: value.code or str(value.status) if isinstance(value, Answer) else None,
)
async def test_distinguishes_permanent_from_temporary_errors(
    answer: Answer, kind: type[StoreUnavailable], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_documents, "RETRIES", 0)
    with scripted_s3(answer) as s3:
        for asked in (s3.documents().put(KEY, b"one", "text/html"), s3.documents().get(KEY)):
            with pytest.raises(StoreUnavailable, match=message) as refused:
                await asked
            assert type(refused.value) is kind


async def test_deletes_with_one_request_and_reports_what_it_could_not() -> None:
    with scripted_s3(Answer(204)) as s3:
        await s3.documents().delete(KEY)
    (delete,) = s3.asked
    assert (delete.method, delete.path) == ("DELETE", WHERE)
    with scripted_s3(Answer(403, "AccessDenied")) as s3, pytest.raises(StoreUnusable, match="may not do this"):
        await s3.documents().delete(KEY)


async def test_tries_again_what_may_pass() -> None:
    with scripted_s3(Answer(503, "SlowDown"), FOUND) as s3:
        assert await s3.documents().get(KEY) == b"the whole document"
    assert len(s3.asked) == 2


async def test_gives_no_half_of_a_document() -> None:
    broken_off = Answer(body=FOUND.body, headers=FOUND.headers, cut=True)
    with scripted_s3(broken_off) as s3, pytest.raises(StoreUnavailable, match="S3 cannot be reached"):
        await s3.documents().get(KEY)


async def test_waits_for_a_silent_server_no_longer_than_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_documents, "READ_TIMEOUT", timedelta(milliseconds=50))
    with scripted_s3() as s3:
        for asked in (s3.documents().put(KEY, b"one", "text/html"), s3.documents().get(KEY)):
            with pytest.raises(StoreUnavailable, match="S3 cannot be reached"):
                await asked
    assert 2 <= len(s3.asked) <= 2 * (1 + s3_documents.RETRIES)


async def test_reports_an_unreachable_endpoint() -> None:
    with scripted_s3(DONE) as s3:
        documents = s3.documents()
    with pytest.raises(StoreUnavailable, match="S3 cannot be reached: try again, or check the network"):
        await documents.get(KEY)


async def test_says_that_the_region_is_not_known() -> None:
    with pytest.raises(StoreUnusable, match="the AWS region is not known: set AWS_REGION"):
        await open_documents("s3://shop-documents").get(KEY)


async def test_says_that_there_are_no_credentials() -> None:
    with pytest.raises(StoreUnusable, match="no AWS credentials were found"):
        await open_documents("s3://shop-documents?region=eu-west-3").put(KEY, b"one", "text/html")


async def test_takes_the_keys_and_the_region_from_where_aws_has_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(
        "[shop]\naws_access_key_id = of-the-file\naws_secret_access_key = secret\naws_session_token = token\n"
    )
    monkeypatch.setenv("AWS_PROFILE", "shop")
    monkeypatch.setenv("AWS_REGION", "eu-south-2")
    with scripted_s3(FOUND) as s3:
        documents = open_documents(f"s3://shop-documents?endpoint={s3.endpoint}")
        await documents.get(KEY)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-the-environment")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-2")
        monkeypatch.setattr(s3_documents, "KEY_SECONDS", -1)
        await documents.get(KEY)
    first, second = (each.headers for each in s3.asked)
    assert "Credential=of-the-file/" in first["authorization"]
    assert "/eu-south-2/s3/" in first["authorization"]
    assert first["x-amz-security-token"] == "token"
    assert "Credential=of-the-environment/" in second["authorization"]


async def test_opens_again_after_close() -> None:
    with scripted_s3(FOUND) as s3:
        documents = s3.documents()
        await documents.get(KEY)
        await documents.close()
        assert await documents.get(KEY) == b"the whole document"


def test_loads_no_client_before_there_is_a_document() -> None:
    script = "; ".join(
        (
            "import sys",
            "from orderkeep.bootstrap import open_documents",
            "open_documents('s3://shop-documents?region=eu-west-3')",
            "print(sorted({'obstore', 'aiodynamo', 'aiohttp'} & sys.modules.keys()))",
        )
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout == "[]\n"
