"""What every page needs at hand, and where a handler finds it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Self, TypeAlias

import msgspec
from litestar import Request

from talktime.db.pool import Connection
from talktime.ops.live import LiveFeed
from talktime.ops.platform import Platform
from talktime.portal.open_streams import OpenStreams
from talktime.portal.rendering import Pages
from talktime.portal.shared_frames import SharedFrames
from talktime.portal.visiting import Visitor, check_form, visitor_of

Asked: TypeAlias = Request[Any, Any, Any]

OPT = "talktime_portal"


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    platform: Platform
    pages: Pages
    own_feed: LiveFeed
    frames: SharedFrames = msgspec.field(default_factory=SharedFrames)
    streams: OpenStreams = msgspec.field(default_factory=OpenStreams)

    def __deepcopy__(self, memo: object) -> Self:
        # The framework copies a router's options when it registers the router; there is one desk.
        return self

    def feed(self, request: Asked) -> LiveFeed:
        """The feed that the whole process shares, where the application has one."""
        shared = request.app.state.get("live")
        return shared if isinstance(shared, LiveFeed) else self.own_feed

    @property
    def now(self) -> datetime:
        return self.platform.clock()

    @asynccontextmanager
    async def receive(
        self, request: Asked
    ) -> AsyncIterator[tuple[Visitor, dict[str, str], Connection]]:
        """As visit, with the fields of a form, which has come whole before a connection is taken:
        a slow sender keeps none from others. Raises Unauthenticated, Forbidden."""
        visitor = await visitor_of(request, self.platform)
        fields = await check_form(request, visitor)
        async with self.platform.connection() as connection:
            yield visitor, fields, connection

    @asynccontextmanager
    async def visit(self, request: Asked) -> AsyncIterator[tuple[Visitor, Connection]]:
        """The signed-in visitor and a connection for one page. Raises Unauthenticated."""
        visitor = await visitor_of(request, self.platform)
        async with self.platform.connection() as connection:
            yield visitor, connection


def desk_of(request: Asked) -> Desk:
    desk: Desk = request.route_handler.opt[OPT]
    return desk
