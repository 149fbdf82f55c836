"""The pages beside the API, as they are served."""

from pathlib import Path

import httpx

from talktime.api.app import create_app
from talktime.config import load_settings
from talktime.ops.platform import Platform
from talktime.portal.routes import portal_router
from talktime.serve import create_server
from tests.in_process import in_process


async def test_each_refuses_in_its_own_way(platform: Platform, tmp_path: Path) -> None:
    """Beside each other, pages refuse in words and the API in problem+json."""
    settings = load_settings({"TALKTIME_HOME": str(tmp_path)})
    app = create_app(platform, settings, extra_handlers=[portal_router(platform)])
    transport = in_process(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=platform.public_url) as client:
        page = await client.get("/billing")
        assert (page.status_code, page.headers["content-type"]) == (401, "text/html; charset=utf-8")
        answer = await client.get("/v1/accounts/ada")
        assert answer.status_code == 401
        assert answer.headers["content-type"].startswith("application/problem+json")
        missing = await client.get("/nothing/here")
        assert missing.headers["content-type"].startswith("application/problem+json")


async def test_a_browser_is_answered_in_pages(platform: Platform, tmp_path: Path) -> None:
    """Where nothing is, a browser reads a page, a program a problem; a form's address leads on."""
    app = create_server(platform, load_settings({"TALKTIME_HOME": str(tmp_path)}))
    transport = in_process(app, raise_app_exceptions=False)
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    async with httpx.AsyncClient(transport=transport, base_url=platform.public_url) as client:
        page = await client.get("/nothing", headers=browser)
        assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert "There is nothing here" in page.text
        assert "content-security-policy" in page.headers
        for path, above in (
            ("/settings/people/invite", "/settings/people"),
            ("/settings/people/sessions/end", "/settings/people"),
            ("/leave", "/"),
        ):
            led = await client.get(path, headers=browser)
            assert (led.status_code, led.headers["location"]) == (303, above)
        for path, asked in (
            ("/nothing", {}),
            ("/v1/nothing", browser),
            ("/v1/accounts/a/calls/b/usage", browser),
            ("/hooks/nothing", browser),
        ):
            answer = await client.get(path, headers=asked)
            assert answer.status_code in {404, 405}
            assert answer.headers["content-type"].startswith("application/problem+json")
