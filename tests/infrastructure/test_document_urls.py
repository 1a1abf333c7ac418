"""From the URL of a document store to the store, or to the rule that the URL breaks."""

import os
import sys
from pathlib import Path

import pytest

from orderkeep.bootstrap.documents import InvalidDocumentsURL, open_documents
from orderkeep.bootstrap.stores import ExtraNotInstalled

OF_S3 = "the URL of an S3 bucket is s3://bucket/prefix"
OF_A_PREFIX = "the prefix must consist of letters, digits and . _ : -, in parts separated by single slashes"


@pytest.mark.parametrize(
    "url, message",
    [
        ("", "must begin with memory:// or folder:// or s3://"),
        ("documents", "must begin with memory:// or folder:// or s3://"),
        ("https://s3.amazonaws.com/shop", "must begin with memory:// or folder:// or s3://"),
        ("memory://shop", "is memory://, without a path"),
        (
            "folder://documents",
            "folder:///documents for a relative path, and folder:////var/lib/documents for an absolute path",
        ),
        ("folder:///", "folder:///documents for a relative path"),
        ("folder:///documents?mode=rw", "folder:///documents for a relative path"),
        ("folder:///documents%00", "folder:///documents for a relative path"),
        ("s3://", OF_S3),
        ("s3:///prefix", OF_S3),
        ("s3://Shop", OF_S3),
        ("s3://key:secret@shop", OF_S3),
        ("s3://shop/../other", OF_A_PREFIX),
        ("s3://shop//kept", OF_A_PREFIX),
        ("s3://shop/a%20b", OF_A_PREFIX),
        ("s3://shop/" + "/".join(["kept"] * 100), "at most 400 characters"),
        ("s3://shop?region=eu-west-3&zone=a&acl=public", "accepts region and endpoint, not acl, zone"),
        ("s3://shop#there", "accepts region and endpoint, not a fragment"),
        (
            "s3://shop?endpoint=s3.example.com",
            "the endpoint must be a URL without a path or password, such as https://",
        ),
        ("s3://shop?endpoint=http://127.0.0.1:9000/minio", "the endpoint must be a URL without a path"),
        ("s3://shop?endpoint=http://key:secret@127.0.0.1:9000", "without a path or password"),
        ("s3://shop?endpoint=http://127.0.0.1:99999", "the endpoint must be a URL"),
        ("s3://shop?endpoint=http://[bad", "the endpoint must be a URL"),
        ("s3://shop?endpoint=http://[::bad", "the endpoint must be a URL"),
        ("s3://shop?endpoint=http://[1.2]", "the endpoint must be a URL"),
        ("s3://shop?endpoint=http://a%20b", "the endpoint must be a URL"),
        ("s3://shop?region=%0Aeu-west-3", "the region must consist of letters, digits and -"),
        ("s3://shop?region=eu-west-3&region=eu-west-1", "must contain region and endpoint at most once"),
        ("s3://[shop/kept", "may contain [ and ] only around an IPv6 address"),
    ],
)
def test_invalid_url_is_rejected_with_the_rule(url: str, message: str) -> None:
    with pytest.raises(InvalidDocumentsURL) as refused:
        open_documents(url)
    assert message in str(refused.value)


@pytest.mark.parametrize("endpoint", ["http://[::1]:9000", "https://s3.example.com/", "http://minio_1:9000"])
def test_takes_an_endpoint_that_is_a_host_and_maybe_a_port(endpoint: str) -> None:
    assert open_documents(f"s3://shop?region=eu-west-3&endpoint={endpoint}")


async def test_a_folder_is_relative_with_three_slashes_and_absolute_with_four(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    await open_documents("folder:///kept%20here").put("exports/a.csv", b"relative", "text/csv")
    await open_documents(f"folder:///{tmp_path}/elsewhere").put("exports/a.csv", b"absolute", "text/csv")
    assert (tmp_path / "kept here" / "exports" / "a.csv").read_bytes() == b"relative"
    assert (tmp_path / "elsewhere" / "exports" / "a.csv").read_bytes() == b"absolute"
    assert sorted(os.listdir()) == ["elsewhere", "kept here"]  # noqa: PTH208


@pytest.mark.parametrize("package", ["obstore", "aiodynamo"])
def test_s3_without_its_extra_is_rejected(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        ExtraNotInstalled, match=r"^S3 requires an extra that is not installed: pip install 'orderkeep\[aws\]'"
    ):
        open_documents("s3://shop-documents")
