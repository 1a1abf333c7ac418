"""Signed links are those of botocore: valid for one file, one name and a limited time."""

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from aiodynamo.credentials import Key
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from orderkeep.bootstrap.documents import open_documents
from orderkeep.infrastructure.aws.signing import signed_link
from orderkeep.infrastructure.s3_documents import disposition

URL = "https://s3.eu-west-3.amazonaws.com/shop-documents/kept/orders/web%3A7781/one.html"
NOW = datetime(2026, 11, 23, 10, 20, 30, tzinfo=UTC)


def signed_by_amazon(key: Key, seconds: int, name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: NOW.replace(tzinfo=None))
    request = AWSRequest("GET", URL, params={"response-content-disposition": disposition(name)})
    credentials = Credentials(key.id, key.secret, key.token)
    S3SigV4QueryAuth(credentials, "s3", "eu-west-3", expires=seconds).add_auth(request)
    return str(request.prepare().url)


@pytest.mark.parametrize("token", [None, "a/token+with=signs"])
def test_matches_botocore(token: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    key, name = Key("AKIDEXAMPLE", "a-secret", token), "receipt größer & more.html"
    answer = [("response-content-disposition", disposition(name))]
    ours = signed_link(URL, "eu-west-3", key, 300, NOW, answer)
    theirs = signed_by_amazon(key, 300, name, monkeypatch)
    assert urlsplit(ours)[:3] == urlsplit(theirs)[:3]
    assert parse_qs(urlsplit(ours).query, strict_parsing=True) == parse_qs(urlsplit(theirs).query, strict_parsing=True)


def test_the_signature_covers_file_name_and_time() -> None:
    key = Key("AKIDEXAMPLE", "a-secret")

    def signature(url: str = URL, seconds: int = 300, name: str = "one.html", now: datetime = NOW) -> str:
        answer = [("response-content-disposition", disposition(name))]
        return signed_link(url, "eu-west-3", key, seconds, now, answer).rpartition("=")[2]

    others = (
        signature(url=URL.replace("one", "two")),
        signature(seconds=301),
        signature(name="two.html"),
        signature(now=NOW.replace(second=31)),
    )
    assert len({signature(), *others}) == 5


@pytest.mark.parametrize("asked, given", [(-1, 1), (0, 1), (300, 300), (10**9, 604_800)])
def test_is_valid_for_a_week_at_most(asked: int, given: int) -> None:
    assert f"X-Amz-Expires={given}&" in signed_link(URL, "eu-west-3", Key("i", "s"), asked, NOW, [])


@pytest.mark.parametrize(
    "name, written",
    [
        ("receipt-1042-v1.pdf", 'attachment; filename="receipt-1042-v1.pdf"'),
        ("Größe.pdf", "attachment; filename=\"Gr__e.pdf\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe.pdf"),
        ('a";b\r\nc\\d.pdf', "attachment; filename=\"a_;b__c_d.pdf\"; filename*=UTF-8''a%22%3Bb%0D%0Ac%5Cd.pdf"),
        ("../50%.pdf", "attachment; filename=\".._50_.pdf\"; filename*=UTF-8''..%2F50%25.pdf"),
    ],
)
def test_disposition_names_files_as_rfc_6266_does(name: str, written: str) -> None:
    assert disposition(name) == written


async def test_there_is_no_link_with_a_web_identity(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    documents = open_documents("s3://shop-documents?region=eu-west-3")
    assert await documents.link("orders/1/one.html", "one.html", 300) is None
