"""Sign-in at an OpenID provider on another site, in a browser: cookies arrive, and policies allow it."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from orderkeep.bootstrap import bootstrap_from_settings
from orderkeep.config import Settings
from tests.servers.openid_sign_in import AUDIENCE, CLIENT, SECRET, signing_in


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
async def test_person_signs_in_at_the_provider_and_out(chromium: str, tmp_path: Path, scripts: bool) -> None:
    from tests.browser.console_pages import open_tab, served

    (tmp_path / "secret").write_text(SECRET, "utf-8")
    listener = socket.create_server(("127.0.0.1", 0))
    origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with signing_in(f"{origin}/console/sign-in/callback") as provider:  # at localhost, which is another site
        provider.has_form = True
        settings: dict[str, Any] = {
            "auth": "jwt",
            "store": "memory://",
            "jwt_issuer": provider.address,
            "jwt_audience": AUDIENCE,
            "jwt_scopes": "shop.staff=orders:read",
            "oidc_client_id": CLIENT,
            "oidc_client_secret_file": str(tmp_path / "secret"),
            "oidc_scopes": "openid shop",
            "oidc_parameters": f"audience={AUDIENCE}",
            "console_origin": origin,
        }
        do = bootstrap_from_settings(Settings(**settings))
        async with served(do, listener, **settings) as url, open_tab(chromium) as tab:
            await tab.devtools.send("Emulation.setScriptExecutionDisabled", {"value": not scripts})
            page = tab.page
            await page.goto(f"{url}/?status=pending")
            await page.get_by_role("link", name="Sign in with localhost").click()
            await page.get_by_role("button", name="Go on").click()
            await page.get_by_role("heading", name="Orders", exact=True).wait_for()
            assert page.url == f"{url}/?status=pending"
            [cookie] = await page.context.cookies(url)
            assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == ("orderkeep", True, "Lax")
            await page.get_by_role("button", name="Sign out").click()
            await page.get_by_text("You are signed out.").wait_for()
            await page.goto(url)
            assert "/console/sign-in?" in page.url
            assert tab.console == []
        await do.close()
    assert provider.seen == []
