"""Calls to the console in this process, and its pages as a parser of HTML reads them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from xml.etree.ElementTree import Element

import html5lib
import httpx
import uvicorn

from orderkeep.bootstrap import UseCases, bootstrap
from orderkeep.config import Settings
from orderkeep.entrypoints.api.app import create_app
from orderkeep.entrypoints.console import mount_console

LIMITS: dict[str, Any] = {"rate_limit": 0, "rate_limit_per_address": 0}


class Html:
    """A page. Parsing fails if it is not valid HTML, or if a form that changes something can be sent twice."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
        self.root: Element = parser.parse(response.text)
        ids = [each.get("id") for each in self.root.iter() if each.get("id")]
        assert len(ids) == len(set(ids)), f"repeated IDs: {sorted(each for each in ids if ids.count(each) > 1)}"
        for form in self.all("form", method="post"):
            hidden = [(each.get("name"), bool(each.get("value"))) for each in self.all("input", form, type="hidden")]
            for name in ("form_token", "once"):
                assert hidden.count((name, True)) == 1, f"{name} is missing in the form {form.get('action')}"

    def all(self, tag: str, within: Element | None = None, **attributes: str) -> list[Element]:
        """Return the elements with these attributes; `class_` is one of the classes, `_` in a name is `-`."""
        given = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}

        def fits(element: Element) -> bool:
            return all(
                value in element.get("class", "").split() if name == "class" else element.get(name) == value
                for name, value in given.items()
            )

        return [each for each in (self.root if within is None else within).iter(tag) if fits(each)]

    def one(self, tag: str, within: Element | None = None, **attributes: str) -> Element:
        """Return the only such element."""
        [found] = self.all(tag, within, **attributes)
        return found

    def texts(self, tag: str, within: Element | None = None, **attributes: str) -> list[str]:
        return [text_of(each) for each in self.all(tag, within, **attributes)]

    def text(self, tag: str, within: Element | None = None, **attributes: str) -> str:
        return text_of(self.one(tag, within, **attributes))

    def section(self, heading: str) -> Element:
        """Return the section with that heading."""
        [found] = [each for each in self.all("section") if self.texts("h2", each) == [heading]]
        return found

    def rows(self, table: Element) -> list[list[str]]:
        """Return the texts of the cells of a table's body."""
        body = self.one("tbody", table)
        return [[text_of(cell) for cell in row if cell.tag in ("th", "td")] for row in body.iter("tr")]

    def link(self, text: str) -> str:
        """Return where the only link with the text leads."""
        [found] = {each.get("href", "") for each in self.all("a") if text_of(each) == text}
        return found

    def form(self, action: str) -> dict[str, list[str]]:
        """Return what the form with that action sends if it is not changed, without its buttons."""
        found: dict[str, list[str]] = {}
        for name, value in _fields_of(self.one("form", action=action)):
            found.setdefault(name, []).append(value)
        return found


def text_of(element: Element) -> str:
    """Return the text of an element, with single spaces."""
    return " ".join("".join(_texts(element)).split())


def _texts(element: Element) -> Iterator[str]:
    yield " " if element.tag == "br" else element.text or ""
    for child in element:
        yield from _texts(child)
        yield child.tail or ""


def _fields_of(form: Element) -> Iterator[tuple[str, str]]:
    for field in form.iter():
        name, kind = field.get("name"), field.get("type", "text")
        if name is None or (kind in ("checkbox", "radio") and "checked" not in field.attrib):
            continue
        if field.tag == "input":
            yield name, field.get("value", "")
        elif field.tag == "textarea":
            yield name, (field.text or "").removeprefix("\n")
        elif field.tag == "select":
            options = list(field.iter("option"))
            chosen = [each for each in options if "selected" in each.attrib] or options[:1]
            for each in chosen:
                yield name, each.get("value", text_of(each))


class Console:
    """A browser without scripts: it keeps cookies, opens pages and sends forms."""

    def __init__(self, client: httpx.AsyncClient, use_cases: UseCases) -> None:
        self.client, self.use_cases = client, use_cases

    async def open(self, path: str = "/", status: int = 200) -> Html:
        """Return the page at a path, after redirects."""
        response = await self.client.get(path, follow_redirects=True)
        assert response.status_code == status, response.text
        return Html(response)

    async def send(self, page: Html, form_action: str, status: int = 200, /, **values: str | list[str]) -> Html:
        """Send a form of a page with these values; return the page that follows."""
        fields = {**page.form(form_action), **values}
        response = await self.post(form_action, fields)
        assert response.status_code == status, response.text
        return Html(response)

    async def post(self, path: str, fields: Any, **headers: str) -> httpx.Response:
        """Send a form as a browser does, and follow redirects."""
        own = {"Origin": str(self.client.base_url).rstrip("/"), "Sec-Fetch-Site": "same-origin"}
        response = await self.client.post(path, data=fields, headers={**own, **headers}, follow_redirects=True)
        assert response.status_code < 500, response.text
        return response

    async def sign_in(self, key: str) -> Html:
        """Sign in with an API key."""
        return await self.send(await self.open("/console/sign-in"), "/console/sign-in", key=key)


@asynccontextmanager
async def console(
    use_cases: UseCases | None = None, base_url: str = "http://localhost", **settings: Any
) -> AsyncIterator[Console]:
    """Yield a browser at an app of its own, by default in local mode on an empty store in memory."""
    given = Settings(**{"auth": "", **LIMITS, **settings})
    found = use_cases or bootstrap("memory://")
    app = create_app(given, found)
    mount_console(app)
    transport = httpx.ASGITransport(app, root_path=given.root_path)
    async with httpx.AsyncClient(transport=transport, base_url=base_url) as client:
        yield Console(client, found)


@asynccontextmanager
async def served(do: UseCases, listener: socket.socket | None = None, **settings: Any) -> AsyncIterator[str]:
    """Serve the console on these use cases in this process; yield its URL."""
    app = create_app(Settings(**{"auth": "", **LIMITS, **settings}), do)
    mount_console(app)
    listener = listener or socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", ws="none"))
    task = asyncio.create_task(server.serve([listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = server.force_exit = True
        await task
        listener.close()


async def key_of(use_cases: UseCases, *scopes: str, user_id: str | None = None) -> str:
    """Return a new API key: of staff with the scopes, or of a customer."""
    return (await use_cases.create_api_key.execute("tests", scopes=scopes, user_id=user_id)).key
