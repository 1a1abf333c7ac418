"""From the URL of a document store to the store, or to the rule that the URL breaks."""

import os
import sys
from pathlib import Path

import pytest

from orderkeep.bootstrap.documents import InvalidDocumentsURL, open_documents

OF_S3 = r"documents in S3 are s3://bucket/prefix, where the bucket has 3 to 63 small letters"
OF_A_PREFIX = r"the prefix of documents in S3 has letters, digits and . _ : -, with one / between"


@pytest.mark.parametrize(
    "url, message",
    [
        ("", "begins with memory:// or folder:// or s3://"),
        ("documents", "begins with memory:// or folder:// or s3://"),
        ("https://s3.amazonaws.com/shop", "begins with memory:// or folder:// or s3://"),
        ("memory://shop", "no more to their URL than memory://"),
        ("folder://documents", "folder:///documents where it is relative, folder:////var/lib/documents where not"),
        ("folder:///", "folder:///documents where it is relative"),
        ("folder:///documents?mode=rw", "folder:///documents where it is relative"),
        ("folder:///documents%00", "folder:///documents where it is relative"),
        ("s3://", OF_S3),
        ("s3:///prefix", OF_S3),
        ("s3://Shop", OF_S3),
        ("s3://key:secret@shop", OF_S3),
        ("s3://shop/../other", OF_A_PREFIX),
        ("s3://shop//kept", OF_A_PREFIX),
        ("s3://shop/a%20b", OF_A_PREFIX),
        ("s3://shop/" + "/".join(["kept"] * 100), "at most 400 of them"),
        ("s3://shop?region=eu-west-3&zone=a&acl=public", "takes region and endpoint, not acl, zone"),
        ("s3://shop#there", "takes region and endpoint, not a fragment"),
        (
            "s3://shop?endpoint=s3.example.com",
            "the endpoint of S3 is a URL with no path and no password, such as https://",
        ),
        ("s3://shop?endpoint=http://127.0.0.1:9000/minio", "the endpoint of S3 is a URL with no path"),
        ("s3://shop?endpoint=http://key:secret@127.0.0.1:9000", "no path and no password"),
        ("s3://shop?endpoint=http://127.0.0.1:99999", "the endpoint of S3 is a URL"),
        ("s3://shop?endpoint=http://[bad", "the endpoint of S3 is a URL"),
        ("s3://shop?endpoint=http://[::bad", "the endpoint of S3 is a URL"),
        ("s3://shop?endpoint=http://[1.2]", "the endpoint of S3 is a URL"),
        ("s3://shop?endpoint=http://a%20b", "the endpoint of S3 is a URL"),
        ("s3://shop?region=%0Aeu-west-3", "the region of S3 has letters, digits and -"),
        ("s3://shop?region=eu-west-3&region=eu-west-1", "takes region and endpoint once each"),
        ("s3://[shop/kept", "has [ and ] around an IPv6 address only"),
    ],
)
def test_names_the_rule_that_a_url_breaks(url: str, message: str) -> None:
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
def test_says_which_extra_s3_needs(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InvalidDocumentsURL, match=r"pip install 'orderkeep\[aws\]'"):
        open_documents("s3://shop-documents")
