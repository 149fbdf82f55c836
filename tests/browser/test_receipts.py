"""Check this receipt, in a real browser: its arithmetic is the server's, and it catches lies."""

import random

import msgspec
import pytest
from playwright.async_api import Page

from talktime.core.errors import InvalidInput
from talktime.core.receipt import check_receipt, read_receipt, receipt_of
from tests.core.receipts import some_call, tampered

pytestmark = pytest.mark.browser

SEEDS = range(600)

RUN = """async ({address, documents}) => {
    const { checkReceipt, NoReceipt } = await import(address);
    return documents.map((document) => {
        try {
            return checkReceipt(document);
        } catch (error) {
            if (error instanceof NoReceipt) return null;
            throw error;
        }
    });
}"""


async def steps_in_browser(page: Page, documents: list[object]) -> list[object]:
    """What check.js, as the portal serves it, makes of each document; None where it is none."""
    address = await page.evaluate(
        "document.querySelector('script[type=module]').src.replace(/[^/]+$/, 'check.js')"
    )
    found: list[object] = await page.evaluate(RUN, {"address": address, "documents": documents})
    return found


def steps_on_server(document: object) -> object:
    try:
        checks = check_receipt(read_receipt(msgspec.json.encode(document)))
    except InvalidInput:
        return None
    return [
        {
            "name": check.name,
            "line": check.line,
            "working": check.working,
            "computed": check.computed,
            "stated": check.stated,
            "right": check.is_right,
        }
        for check in checks
    ]


async def test_both_recomputations_agree(page: Page) -> None:
    """Of receipts of every kind, true and false, browser and server say the same, step by step."""
    documents: list[object] = []
    for seed in SEEDS:
        chance = random.Random(seed)
        receipt = receipt_of(some_call(chance))
        documents += [msgspec.to_builtins(receipt), tampered(receipt, chance)]
    expected = [steps_on_server(document) for document in documents]
    assert await steps_in_browser(page, documents) == expected
    assert expected.count(None) < len(documents) // 10
