"""The whole way in: a served installation, its worker, a real mail server, and a browser."""

import asyncio
import html
import re
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

import httpx
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.cli.running import served, talktime_environ

ADDRESS = "grace@example.com"


class Mailbox:
    """Takes what comes."""

    def __init__(self) -> None:
        self.mails: asyncio.Queue[EmailMessage] = asyncio.Queue()

    async def handle_DATA(  # noqa: N802  (aiosmtpd's word)
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        mail = BytesParser(policy=policy.default).parsebytes(envelope.original_content or b"")
        self.mails.put_nowait(mail)
        return "250 taken"


async def test_from_nothing_to_billing_by_mail(home: Path) -> None:
    """Somebody new asks for a link, finds it in their mail, opens an account and sees the bonus."""
    box = Mailbox()
    loop = asyncio.get_running_loop()
    post = await loop.create_server(lambda: SMTP(box, loop=loop), host="127.0.0.1", port=0)
    port = post.sockets[0].getsockname()[1]
    environ = talktime_environ(home, TALKTIME_SMTP_URL=f"smtp://127.0.0.1:{port}")
    async with post:
        with served(environ) as server:
            async with httpx.AsyncClient(base_url=server.url, follow_redirects=True) as browser:
                assert "No mail goes out" not in (await browser.get("/")).text
                asked = await browser.post("/sign-in", data={"address": ADDRESS})
                assert "Check your mail" in asked.text
                mail = await asyncio.wait_for(box.mails.get(), 30)
                text = mail.get_body(("plain",))
                assert text is not None
                link = re.search(
                    rf"{re.escape(server.url)}/sign-in/link\?token=\S+", text.get_content()
                )
                assert link is not None
                page = (await browser.get(html.unescape(link[0]))).text
                assert "Open your account" in page
                token = re.findall(r'name="token" value="([^"]+)"', page)[0]
                opened = await browser.post("/sign-in/link", data={"token": token, "name": "Grace"})
                assert opened.url.path == "/billing"
                assert "$0.50" in opened.text
                people = (await browser.get("/settings/people")).text
                assert ADDRESS in people
            await asyncio.to_thread(server.stop)
