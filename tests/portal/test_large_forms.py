"""Forms that are larger than any of ours, or of another kind."""

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


@pytest.mark.parametrize(
    "part",
    [b"Content-Type: text/plain; charset=utf-99\r\n\r\nx", b"\r\n\xff\xfe"],
    ids=["unknown charset", "no text"],
)
@pytest.mark.parametrize("path", ["/sign-in", "/settings"])
async def test_forms_in_parts_are_refused(
    customer: httpx.AsyncClient, path: str, part: bytes
) -> None:
    """None of our forms is sent in parts, as files would be: refused before any is read."""
    answer = await customer.post(
        path,
        content=b'--x\r\nContent-Disposition: form-data; name="a"\r\n' + part + b"\r\n--x--\r\n",
        headers={"content-type": "multipart/form-data; boundary=x"},
    )
    assert answer.status_code == 400
    assert "sent in parts" in answer.text
