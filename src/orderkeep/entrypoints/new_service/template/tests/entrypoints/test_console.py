"""Pages of the console, as a browser without scripts sees them: content, links, forms, headers and errors."""

import re
from html import unescape

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response

from sample_service.domain.exceptions import StoreUnavailable
from sample_service.domain.lifecycle import LIFECYCLE, Command, SampleItemStatus
from sample_service.entrypoints import console
from sample_service.infrastructure.memory_repo import InMemorySampleItemRepository
from tests.entrypoints.http_calls import place
from tests.sample_items import stored


def texts(response: Response, tag: str) -> list[str]:
    """Return the content of each element of a page, without the tags in it."""
    opened = [each for each in response.text.split(f"<{tag}")[1:] if each[0] in " >"]
    found = [each.partition(">")[2].partition(f"</{tag}>")[0] for each in opened]
    return [unescape(re.sub(r"<[^>]+>", "", each)).strip() for each in found]


def link(response: Response, text: str) -> str:
    """Return the URL of a link."""
    links = re.findall(r'<a [^>]*href="([^"]*)"[^>]*>([^<]*)</a>', response.text)
    [found] = [url for url, content in links if content == text]
    return unescape(found)


def actions(response: Response) -> dict[str, str]:
    """Return the URL of each form, by the text of its button."""
    found = re.findall(r'<form method="post" action="([^"]*)"><button>(.*?)</button>', response.text)
    return {text: unescape(url) for url, text in found}


async def test_list_shows_each_sample_item_and_links_to_it(client: AsyncClient) -> None:
    ids = [await place(client, name) for name in ("First", "Second")]
    shown = await client.get("/console/")
    assert shown.status_code == 200
    assert [each[:6] for each in texts(shown, "tr")] == ["NameSt", "Second", "FirstP"]
    assert link(shown, "First") == f"/console/sample-items/{ids[0]}"
    one = await client.get(link(shown, "First"))
    assert texts(one, "h1") == ["First"]
    assert texts(one, "dd")[:2] == ["Pending", "1"]
    assert texts(one, "dd")[-1] == ids[0]


async def test_list_is_filtered_by_status_and_has_pages(client: AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "PAGE_SIZE", 2)
    ids = [await place(client, f"Name {number}") for number in range(4)]
    await client.post(f"/sample-items/{ids[1]}/confirm")
    first = await client.get(link(await client.get("/console/"), "Pending"))
    assert [each[:6] for each in texts(first, "tr")[1:]] == ["Name 3", "Name 2"]
    assert re.findall(r'aria-current="true">(\w+)', first.text) == ["Pending"]
    second = await client.get(link(first, "Older"))
    assert [each[:6] for each in texts(second, "tr")[1:]] == ["Name 0"]
    assert ">Older<" not in second.text
    assert (await client.get(link(second, "Newest"))).text == first.text
    nothing = await client.get(link(first, "Cancelled"))
    assert texts(nothing, "p") == ["There are no more sample items in this list."]


async def test_empty_list_says_how_to_place_the_first(client: AsyncClient) -> None:
    empty = await client.get("/console", follow_redirects=True)
    assert texts(empty, "p") == ["There are no sample items yet. POST /sample-items places one."]


@pytest.mark.parametrize("status", SampleItemStatus)
async def test_buttons_are_the_commands_of_the_status(
    app: FastAPI,
    client: AsyncClient,
    status: SampleItemStatus,
) -> None:
    id = await stored(app.state.use_cases.get_sample_item.repo, status=status)
    allowed = {command: LIFECYCLE[status, command] for command in Command if (status, command) in LIFECYCLE}
    page = await client.get(f"/console/sample-items/{id}")
    names = {command.replace("_", " ").capitalize(): command for command in allowed}
    assert actions(page).keys() == names.keys()
    assert ("The status allows no action." in page.text) is not bool(allowed)
    for text, url in actions(page).items():
        app.state.use_cases.get_sample_item.repo._documents.clear()
        await stored(app.state.use_cases.get_sample_item.repo, status=status)
        done = await client.post(url)
        assert (done.status_code, done.headers["location"]) == (303, f"/console/sample-items/{id}")
        assert (await client.get(f"/sample-items/{id}")).json()["status"] == allowed[names[text]]


async def test_rejected_command_is_explained_on_the_page(client: AsyncClient) -> None:
    page = await client.get(f"/console/sample-items/{await place(client)}")
    assert (await client.post(actions(page)["Confirm"])).status_code == 303
    late = await client.post(actions(page)["Cancel"])
    assert (late.status_code, texts(late, "b")) == (412, ["Version mismatch"])
    assert "is at version 2, not 1: read it and retry." in texts(late, "p")[1]
    assert texts(late, "dd")[:2] == ["Confirmed", "2"]
    again = await client.post(actions(page)["Confirm"].replace("version=1", "version=2"))
    assert (again.status_code, texts(again, "b")) == (422, ["Sample item cannot be confirmed"])


async def test_form_of_another_site_is_rejected_with_a_page(client: AsyncClient) -> None:
    id = await place(client)
    headers = {"Sec-Fetch-Site": "cross-site"}
    sent = await client.post(f"/console/sample-items/{id}/confirm?version=1", headers=headers)
    assert (sent.status_code, texts(sent, "h1")) == (403, ["Forbidden"])
    assert "a page of another site sent this request" in sent.text.lower()
    assert (await client.get(f"/sample-items/{id}")).json()["status"] == "pending"


async def test_text_is_escaped(client: AsyncClient) -> None:
    name = "<script>alert('1')</script> & \"more\""
    id = await place(client, name)
    for path in ("/console/", f"/console/sample-items/{id}"):
        page = await client.get(path)
        assert "<script" not in page.text
        assert name in unescape(page.text)


@pytest.mark.parametrize(
    "path, status, text",
    [
        ("/console/sample-items/unknown", 404, "Sample item not found."),
        ("/console/unknown", 404, "Not Found"),
        ("/console/?status=unknown", 422, "Status is invalid: "),
        ("/console/?cursor=unknown", 422, "Cursor is not valid for this list"),
    ],
)
async def test_error_is_a_page(client: AsyncClient, path: str, status: int, text: str) -> None:
    page = await client.get(path)
    assert (page.status_code, page.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert text in unescape(page.text)
    assert link(page, "All sample items") == "/console/"


@pytest.mark.parametrize("path", ["unknown/confirm?version=1", "item-1/unknown?version=1", "item-1/confirm"])
async def test_invalid_command_is_an_error(client: AsyncClient, path: str) -> None:
    assert (await client.post(f"/console/sample-items/{path}")).status_code in (404, 422)


@pytest.mark.parametrize("error, status", [(StoreUnavailable("a secret"), 503), (RuntimeError("a secret"), 500)])
async def test_failure_is_a_page_without_its_details(
    app: FastAPI,
    client: AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    status: int,
) -> None:
    async def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(InMemorySampleItemRepository, "get_by_id", fail)
    page = await client.get("/console/sample-items/1")
    assert (page.status_code, len(texts(page, "h1"))) == (status, 1)
    assert "secret" not in page.text


async def test_pages_run_no_script_and_are_in_no_frame(client: AsyncClient) -> None:
    page = await client.get("/console/")
    policy = dict(each.strip().split(" ", 1) for each in page.headers["content-security-policy"].split(";"))
    assert (policy["default-src"], policy["frame-ancestors"]) == ("'none'", "'none'")
    assert (policy["style-src"], policy["form-action"]) == ("'self'", "'self'")
    assert (page.headers["x-content-type-options"], page.headers["cache-control"]) == ("nosniff", "no-store")
    [path] = re.findall(r'<link rel="stylesheet" href="([^"]*)">', page.text)
    sheet = await client.get(path)
    assert (sheet.status_code, sheet.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert re.findall(r"<script|<style|style=| on\w+=", page.text) == []


async def test_console_is_in_no_document(client: AsyncClient) -> None:
    assert [path for path in (await client.get("/openapi.json")).json()["paths"] if "console" in path] == []
