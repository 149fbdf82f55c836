"""The headers that keep browsers from misusing an answer."""

import httpx
from litestar import Response, get

from talktime.api.app import create_app
from talktime.config import Settings
from talktime.ops.platform import Platform
from tests.api.caller import running
from tests.in_process import in_process


@get("/page", include_in_schema=False)
async def get_page() -> Response[str]:
    headers = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"}
    return Response("a page", headers=headers)


async def test_a_page_keeps_its_own(platform: Platform, settings: Settings) -> None:
    """What a page says for itself is said once; what it does not say is said for it."""
    async with running(create_app(platform, settings, extra_handlers=[get_page])) as app:
        transport = in_process(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as client:
            page = await client.get("/page")
            health = await client.get("/healthz")
            answer = await client.get("/v1/accounts/a")
    assert page.headers.get_list("x-content-type-options") == ["nosniff"]
    assert page.headers.get_list("referrer-policy") == ["same-origin"]
    for response in (health, answer):
        assert response.headers.get_list("x-content-type-options") == ["nosniff"]
        assert response.headers.get_list("referrer-policy") == ["no-referrer"]
    assert answer.headers.get_list("cache-control") == ["no-store"]
