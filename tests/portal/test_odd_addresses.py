"""Addresses that nobody was given."""

import httpx
import pytest


@pytest.mark.parametrize("path", ["/calls/a%00b", "/calls/a%00b/receipt", "/calls/%07"])
async def test_an_id_that_cannot_be(customer: httpx.AsyncClient, path: str) -> None:
    """A call's address with characters that no id has is an address where nothing is."""
    answer = await customer.get(path)
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text
