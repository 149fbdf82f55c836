"""Answers that are files where the caller prefers them to JSON: CSV as it is read, PDF as made."""

from collections.abc import AsyncIterator
from typing import Any, Final

from litestar import Request, Response
from litestar.response import Stream

CSV: Final = "text/csv"
PDF: Final = "application/pdf"


def prefers(request: Request[Any, Any, Any], media: str) -> bool:
    """Whether the Accept header asks for that rather than for JSON."""
    try:
        return request.accept.best_match(["application/json", media]) == media
    except OverflowError:  # a quality of 1e999, which is infinite
        return False


def csv_file(pieces: AsyncIterator[str], name: str) -> Stream:
    """A file to be kept, sent piece by piece."""
    return Stream(pieces, media_type=CSV, headers=_named("attachment", name))


def pdf_file(pdf: bytes, name: str) -> Response[bytes]:
    """A paper to be looked at."""
    return Response(pdf, media_type=PDF, headers=_named("inline", name))


def _named(disposition: str, name: str) -> dict[str, str]:
    return {"content-disposition": f'{disposition}; filename="{name}"', "vary": "accept"}
