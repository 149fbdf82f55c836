"""Who may sign up, who may frame the pages, which proxies are believed."""

from typing import Any

import httpx
import pytest
import uvicorn
from litestar import Litestar, Request, get

from talktime.config import SettingRefused, Settings, load_settings
from talktime.serve import _uvicorn_config

HOME = {"TALKTIME_HOME": "/srv/talktime"}


def load(**environ: str) -> Settings:
    return load_settings({**HOME, **environ})


def test_defaults() -> None:
    """People may sign up; nobody frames the pages and no proxy is believed."""
    settings = load()
    assert settings.sign_up_open
    assert (settings.frame_origins, settings.trusted_proxies) == ((), ())


def test_lists_are_read() -> None:
    """Several, with commas between; spaces, case and a last slash make no difference."""
    settings = load(
        TALKTIME_SIGN_UP="closed",
        TALKTIME_FRAME_ORIGINS="https://App.example.com/, http://localhost:3000,http://[::1]:80",
        TALKTIME_TRUSTED_PROXIES="10.0.0.7, 192.168.0.0/16,::1",
    )
    assert not settings.sign_up_open
    assert settings.frame_origins == (
        "https://app.example.com",
        "http://localhost:3000",
        "http://[::1]:80",
    )
    assert settings.trusted_proxies == ("10.0.0.7/32", "192.168.0.0/16", "::1/128")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TALKTIME_SIGN_UP", "yes"),
        ("TALKTIME_FRAME_ORIGINS", "*"),
        ("TALKTIME_FRAME_ORIGINS", "https://*.example.com"),
        ("TALKTIME_FRAME_ORIGINS", "app.example.com"),
        ("TALKTIME_FRAME_ORIGINS", "http://app.example.com"),
        ("TALKTIME_FRAME_ORIGINS", "http://localhost.evil.example"),
        ("TALKTIME_FRAME_ORIGINS", "https://app.example.com/dashboard"),
        ("TALKTIME_FRAME_ORIGINS", "https://user@app.example.com"),
        ("TALKTIME_FRAME_ORIGINS", "https://app.example.com; script-src *"),
        ("TALKTIME_FRAME_ORIGINS", "https://app.example.com:99999"),
        ("TALKTIME_FRAME_ORIGINS", "https://a.example https://b.example"),
        ("TALKTIME_TRUSTED_PROXIES", "*"),
        ("TALKTIME_TRUSTED_PROXIES", "proxy"),
        ("TALKTIME_TRUSTED_PROXIES", "10.0.0.7/8"),
        ("TALKTIME_TRUSTED_PROXIES", "10.0.0"),
    ],
)
def test_what_cannot_be_meant_is_refused(variable: str, value: str) -> None:
    """The refusal names the variable and shows how it is written."""
    with pytest.raises(SettingRefused, match=variable):
        load(**{variable: value})


@get("/")
async def who(request: Request[Any, Any, Any]) -> str:
    assert request.client is not None
    return request.client.host


async def asked_from(config: uvicorn.Config, peer: str, forwarded: str) -> str:
    config.load()
    transport = httpx.ASGITransport(config.loaded_app, client=(peer, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://talktime.test") as client:
        return (await client.get("/", headers={"x-forwarded-for": forwarded})).text


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "seen"),
    [
        ((), "127.0.0.1", "203.0.113.9", "127.0.0.1"),
        (("10.0.0.0/8",), "203.0.113.1", "203.0.113.9", "203.0.113.1"),
        (("10.0.0.0/8",), "10.1.2.3", "203.0.113.9", "203.0.113.9"),
        (("10.0.0.0/8",), "10.1.2.3", "1.1.1.1, 203.0.113.9, 10.0.0.5", "203.0.113.9"),
    ],
)
async def test_only_a_named_proxy_is_believed(
    trusted: tuple[str, ...], peer: str, forwarded: str, seen: str
) -> None:
    """The client is the last address that no named proxy has, whatever a client claims itself."""
    app = Litestar([who], openapi_config=None, logging_config=None)
    assert await asked_from(_uvicorn_config(app, trusted), peer, forwarded) == seen
