"""Mails as they leave us."""

import re
import shlex
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.policy import SMTPUTF8, EmailPolicy, default
from html import unescape

import msgspec
import pytest
from markupsafe import escape

from talktime.core.member import MailKind
from talktime.core.message import CHOSEN_AS, MessageKind
from talktime.core.unsubscribing import ENDED_BY_MAIL, unsubscribe_link
from talktime.gateways.mail.composing import compose_mail, sender_of
from talktime.gateways.mail.letter import write_letter
from talktime.gateways.mail.words import one_line
from tests.gateways.mails import PAGES, SENDER, composed, facts_of, message, part

TO_THE_OPERATOR = {MessageKind.REFUND_ASKED}  # who decides at the command line or by the API


def letters_only(html: str) -> str:
    """What a page says, without its markup and its hidden preview."""
    body = html.partition("</head>")[2].partition("</div>")[2]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


@pytest.mark.parametrize("kind", MessageKind)
def test_both_parts_tell_the_same(kind: MessageKind) -> None:
    """Of every kind of mail HTML and plain text say the same words, figures and address, which
    leave no gap, and have one button; the subject fits a list of mails."""
    mail = composed(message(kind))
    letter = write_letter(message(kind), public_url=PAGES)
    text, html = " ".join(part(mail, "plain").split()), part(mail, "html")
    said = letters_only(html)
    figures = [one for row in letter.rows for one in (row.label, row.value)]
    for words in (letter.headline, letter.opening, *figures, letter.closing, letter.why):
        assert words in text
        assert words in said
    assert letter.quote in said
    assert set(letter.quote.split()) <= set(text.split())
    assert not re.search(r"[{}]|\bNone\b", said + text + letter.subject)
    assert len(letter.subject) <= 60
    assert html.count('class="button"') == (kind not in TO_THE_OPERATOR)
    if letter.button is not None:
        assert letter.button.target.startswith(PAGES)
        assert letter.button.target in text
        assert f'class="button" href="{escape(letter.button.target)}"' in html
        assert letter.button.label in text


def test_commands_of_a_mail_are_safe_to_paste() -> None:
    """An id that an account was given with spaces and signs of the shell stays one word of the
    command that the operator is told."""
    account_id = "acme $(reboot); 'x'"
    asked = message(MessageKind.REFUND_ASKED, account_id=account_id, refund="ref-1")
    rows = {row.label: row.value for row in write_letter(asked, public_url=PAGES).rows}
    assert rows["Account"] == account_id
    for verb in ("approve", "decline"):
        words = shlex.split(rows[f"{verb.capitalize()} with"])
        assert words[:5] == ["talktime", "refunds", verb, account_id, "ref-1"]


@pytest.mark.parametrize("kind", [MessageKind.BELOW_WARNING, MessageKind.BELOW_FLOOR])
def test_alerts_say_what_is_left_and_what_next(kind: MessageKind) -> None:
    """An alert tells promo, paid, available and talk time left, what happens next, and has one
    button: Top up."""
    letter = write_letter(message(kind), public_url=PAGES)
    assert [row.label for row in letter.rows] == ["Promo", "Paid", "Available", "Talk time left"]
    assert [row.value for row in letter.rows[:3]] == [
        "$0.00",
        "\N{MINUS SIGN}$0.0431",
        "\N{MINUS SIGN}$0.0431",
    ]
    assert letter.closing.startswith("What happens next: ")
    assert letter.button is not None
    assert (letter.button.label, letter.button.target) == ("Top up", f"{PAGES}/billing")


@pytest.mark.parametrize("kind", MessageKind)
def test_a_mail_brings_nothing_from_elsewhere(kind: MessageKind) -> None:
    """No mail has an image, a script or anything else that is fetched; it says by itself that a
    machine wrote it, and when what it tells happened."""
    mail = composed(message(kind))
    html = part(mail, "html")
    assert not re.search(r"<(img|script|iframe|link|object)\b|url\(|\bsrc=|@import", html)
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"] == "Mon, 23 Nov 2026 12:00:00 +0000"


def test_a_repeat_is_the_same_mail() -> None:
    """The same message makes the same bytes, so that a repeat can be known for one."""
    assert composed(message()).as_bytes() == composed(message()).as_bytes()
    assert (
        composed(message())["Message-ID"]
        != composed(message(MessageKind.BELOW_WARNING))["Message-ID"]
    )


ODD_NAMES = (
    "x\r\nBcc: eve@example.com",
    "\u202eevil\u202c \u2066name",
    "\u05d1\u05d5\u05d8\u05d9\u05dd 24/7",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 & Söhne",
    "n" * 200,
    '<script>alert(1)</script> "{link}" {0}',
)


@pytest.mark.parametrize("name", ODD_NAMES)
@pytest.mark.parametrize("kind", MessageKind)
def test_names_are_text_and_nothing_more(kind: MessageKind, name: str) -> None:
    """Whatever a name has in it, the mail is sent: it is neither markup, a header, a gap nor a
    command to turn the text around, and its reader sees it in both parts."""
    named = dict.fromkeys(("account_name", "invited_by", "name", "answer", "reason"), name)
    told = message(kind, **{fact: name for fact in named if fact in facts_of(kind)})
    read = message_from_bytes(composed(told).as_bytes(), policy=default)
    assert isinstance(read, EmailMessage)
    assert read.keys() == composed(message(kind)).keys()
    text, html = part(read, "plain"), part(read, "html")
    assert "<script" not in html
    assert not {"\u202e", "\u202c", "\u2066"} & set(text + html + str(read["Subject"]))
    if "account_name" in told.facts:
        seen = "".join(one_line(name).split())
        assert seen in "".join(text.split()).replace("\u2068", "").replace("\u2069", "")
        assert seen in "".join(letters_only(html).split()).replace("\u2068", "").replace(
            "\u2069", ""
        )


SMUGGLED = (
    "=?utf-8?q?x=0D=0AReply-To:eve=40evil.example?=",
    "=?utf-8?q?x=0AReply-To:eve=40evil.example?=",
    "=?utf-8?q?x=0D=0A=0D=0A<h1>Pay_here</h1><!--?=",
    "=?utf-8?q?=00?=",
    "=?utf-8?b?DQpCY2M6IGV2ZUBldmlsLmV4YW1wbGUNCg0K?=",
    "=?x?q?=FF?= =?utf-8?q?=0AB?=",
    "=?utf-8?b?A?=",
    "S\u00f6hne =?utf-8?q?=0D=0AB?=",
)


@pytest.mark.parametrize("policy", [SMTP_POLICY, SMTPUTF8])
@pytest.mark.parametrize("kind", [MessageKind.INVITATION, MessageKind.KEY_CREATED])
@pytest.mark.parametrize("name", SMUGGLED)
def test_encoded_words_in_names_stay_text(
    name: str, kind: MessageKind, policy: EmailPolicy
) -> None:
    """A name that mail programs would decode adds no header, and its reader sees it as typed."""
    harmless = composed(message(kind))
    mail = composed(message(kind, account_name=name, name=name))
    for sent in (mail.as_bytes(), mail.as_bytes(policy=policy)):
        read = message_from_bytes(sent, policy=default)
        assert isinstance(read, EmailMessage)
        assert read.keys() == harmless.keys()
        assert str(read["Subject"]).endswith(name)
        for kept in ("From", "To", "Date", "Content-Type"):
            assert str(read[kept]) == str(harmless[kept])
        body = read.get_body(("plain",))
        assert body is not None
        assert "".join(name.split()) in "".join(body.get_content().split())


def test_long_subjects_are_folded_and_read_whole() -> None:
    """A long name is written in lines that mail servers take, and reads as one, in any script."""
    for name in ("Ada's Bots and others " * 9, "Söhne und Töchter " * 11, "\u0645\u0631" * 60):
        mail = composed(message(MessageKind.KEY_CREATED, name=name.strip()))
        lines = mail.as_bytes(policy=SMTP_POLICY).partition(b"Date:")[0].split(b"\r\n")
        assert max(map(len, lines)) <= 78
        read = message_from_bytes(mail.as_bytes(), policy=default)
        assert str(read["Subject"]).endswith(name.strip())


@pytest.mark.parametrize("local", ["=?utf-8?q?x=0D=0ABcc?=", "=?x", "x\x00"])
def test_addresses_are_text_and_nothing_more(local: str) -> None:
    """No mail goes to an address that would be decoded, and none comes from one."""
    told = msgspec.structs.replace(message(), recipient=f"{local}@example.com")
    with pytest.raises(ValueError, match="more than text"):
        composed(told)
    with pytest.raises(ValueError, match=r".+"):
        sender_of(f"{local} <{local}@example.com>")


OF_THE_CONTRACT = re.compile("top_up|auto_reload|authentication|refund|chargeback")


@pytest.mark.parametrize("kind", MessageKind)
def test_what_one_can_choose_can_be_ended_from_the_mail(kind: MessageKind) -> None:
    """Mail that a member chose carries a link that ends the choice; what the contract wants
    (receipts, refunds, what a bank or a card needs) and what was asked for does not. The button
    of mail programs, which asks nothing, is there only where that ends nothing of the contract.
    """
    told = message(kind)
    mail = composed(told)
    link = unsubscribe_link(told, public_url=PAGES)
    assert bool(link) == (kind in CHOSEN_AS and not OF_THE_CONTRACT.match(kind))
    is_one_click = kind is MessageKind.WEEKLY_SUMMARY
    assert mail["List-Unsubscribe"] == (f"<{link}>" if is_one_click else None)
    assert mail["List-Unsubscribe-Post"] == ("List-Unsubscribe=One-Click" if is_one_click else None)
    for body in (part(mail, "plain"), unescape(part(mail, "html"))):
        assert (f"{PAGES}/unsubscribe?" in body) == bool(link)
        assert link in body
        assert kind not in CHOSEN_AS or f"{PAGES}/settings" in body
        assert "a secret of the message" not in body


@pytest.mark.parametrize(
    ("choice", "ends", "brings"),
    [
        (MailKind.ALERTS, "stop all alerts", "low balance|auto-reload|bank|card|webhook"),
        (
            MailKind.MONEY_IN,
            "stop all mail about money in",
            "bonuses|coupons|top-ups|auto-reloads|refunds|disputes|statements",
        ),
        (MailKind.WEEKLY, "stop the weekly summary", "week cost"),
    ],
)
def test_a_mail_says_all_that_its_choice_brings(choice: MailKind, ends: str, brings: str) -> None:
    """Whoever ends a choice reads beside the link what else it brought."""
    for kind in (one for one in CHOSEN_AS if CHOSEN_AS[one] is choice):
        mail = composed(message(kind))
        for body in (part(mail, "plain"), part(mail, "html")):
            words = " ".join(body.split()).lower()
            assert (ends in words) == (kind in ENDED_BY_MAIL)
            footer = words.partition("you get this because")[2]
            assert all(word in footer for word in brings.split("|"))


def test_addresses_beyond_ascii() -> None:
    """An international domain is written so that every mail server knows it."""
    told = msgspec.structs.replace(message(), recipient="ada@bücher.example")
    assert str(composed(told)["To"]) == "ada@xn--bcher-kva.example"


def test_pages_beyond_ascii() -> None:
    """Where the pages have an international name, the header that ends such mail is ASCII."""
    mail = compose_mail(
        message(MessageKind.WEEKLY_SUMMARY), sender=SENDER, public_url="https://bücher.example"
    )
    read = message_from_bytes(mail.as_bytes(), policy=default)
    assert str(read["List-Unsubscribe"]).startswith("<https://b%C3%BCcher.example/unsubscribe?")


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, "not known yet"),
        ({"talk_time_seconds": "0"}, "none for new calls"),
        ({"talk_time_seconds": "2520"}, "about 42 minutes"),
        ({"talk_time_chats": "12"}, "about 12 chats"),
        ({"talk_time_chats": "0"}, "less than a chat"),
    ],
)
def test_talk_time_in_words(facts: dict[str, str], said: str) -> None:
    """A warning tells the talk time left in Billing's words: chats are counted, not timed."""
    told = message(MessageKind.BELOW_WARNING, **facts)
    letter = write_letter(told, public_url="https://talktime.test")
    assert [one.value for one in letter.rows if one.label == "Talk time left"] == [said]
