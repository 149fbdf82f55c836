"""Forms that are larger than any of ours."""

import time

import httpx
import pytest

FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("address=" + "x" * 70_000, 413),
        ("".join(f"{number:x}=&" for number in range(300_000)), 413),
        ("&" * 60_000, 400),
        ("a=1&" * 15_000, 400),
    ],
    ids=["long", "many", "empty", "the same"],
)
@pytest.mark.parametrize("path", ["/sign-in", "/sign-in/link", "/leave", "/settings/people/invite"])
async def test_large_forms_are_refused_before_they_are_taken_apart(
    customer: httpx.AsyncClient, path: str, body: str, status: int
) -> None:
    """Beyond 64 KiB or 100 fields a form is refused in a page, at next to no cost."""
    began = time.process_time()
    answer = await customer.post(path, content=body, headers=FORM)
    assert answer.status_code == status
    assert "text/html" in answer.headers["content-type"]
    assert time.process_time() - began < 0.5


async def test_forms_of_people_fit(customer: httpx.AsyncClient) -> None:
    """A form with far more than ours have is looked at as any other."""
    answer = await customer.post(
        "/sign-in", data={"address": "no address", **{f"more{n}": "x" * 100 for n in range(90)}}
    )
    assert answer.status_code == 400
    assert "This is not an e-mail address" in answer.text
