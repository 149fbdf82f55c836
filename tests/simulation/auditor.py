"""An auditor of its own mind: keeps what was promised and recomputes the money from it.

It shares no code with what it audits, neither Python nor SQL: its own rating in fractions, its own
rounding, its own ledger. It is told what was acknowledged, then compares the books with that.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

NANO = 10**9
UNIT_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "token": 1, "character": 1}
FREE_OUTCOMES = {"failed", "rejected", "busy", "no_answer", "canceled"}

Totals = dict[tuple[str, str], dict[str, int]]
"""Per (service, model) the greatest total of each quantity, in the units reported."""


def nearest_even(value: Fraction) -> int:
    """Half goes to the even neighbour."""
    low = value.numerator // value.denominator
    rest = value - low
    return low + int(rest > Fraction(1, 2) or (rest == Fraction(1, 2) and low % 2 == 1))


class CallPaper:
    """What the auditor knows of one admitted call."""

    def __init__(self, channel: str, hold: int) -> None:
        self.channel = channel
        self.hold = hold
        self.totals: Totals = {}
        self.outcome: str | None = None
        self.by_watchdog = False

    @property
    def is_free(self) -> bool:
        return self.outcome in FREE_OUTCOMES


class Auditor:
    """The money of some accounts by the auditor's own reckoning, in nanos."""

    def __init__(
        self, cards: Sequence[Mapping[str, Any]], *, margin: Fraction, late_models: Sequence[str]
    ) -> None:
        """``late_models`` had no price while calls ran; free calls never learn it."""
        self.margin = margin
        self.late_models = late_models
        self.prices = {
            (entry["service"], entry["model"]): entry["prices"]
            for card in cards
            for entry in card["entries"]
        }
        self.calls: dict[tuple[str, str], CallPaper] = {}
        self.credits: dict[tuple[str, str], tuple[int, int]] = {}

    # What was acknowledged

    def credited(self, account: str, ref: str, promo: int, paid: int) -> None:
        self.credits[account, ref] = (promo, paid)

    def admitted(self, account: str, call: str, channel: str, hold: int) -> None:
        assert (account, call) not in self.calls, f"{call} was admitted twice"
        self.calls[account, call] = CallPaper(channel, hold)

    def heard(self, account: str, call: str, lines: Sequence[Mapping[str, Any]]) -> None:
        totals = self.calls[account, call].totals
        for line in lines:
            known = totals.setdefault((line["service"], line["model"]), {})
            for name, amount in line["quantities"].items():
                known[name] = max(known.get(name, 0), amount)

    def ended(self, account: str, call: str, outcome: str, *, by_watchdog: bool = False) -> None:
        paper = self.calls[account, call]
        assert paper.outcome is None, f"{call} was ended twice"
        paper.outcome = outcome
        paper.by_watchdog = by_watchdog

    # What follows from it

    def line_costs(self, paper: CallPaper) -> dict[tuple[str, str], int]:
        costs = {}
        for key, quantities in paper.totals.items():
            used = dict(quantities)
            if key[0] == "llm":
                used["input_tokens"] -= used.get("cached_input_tokens", 0)
            exact = Fraction(0)
            for price in self.prices[key]:
                amount = Fraction(used.get(price["quantity"], 0))
                step = price.get("increment")
                if step:
                    amount = Fraction(-(-amount // step) * step)
                per = price["per"] * UNIT_SECONDS[price["unit"]]
                exact += amount * Fraction(price["usd"]) * NANO / per
            costs[key] = nearest_even(exact)
        return costs

    def charge(self, paper: CallPaper) -> int:
        """What the call costs its customer in the end."""
        if paper.is_free:
            return 0
        cost = sum(self.line_costs(paper).values())
        return cost + nearest_even(cost * self.margin)

    def accrued(self, paper: CallPaper) -> int:
        """What the call had cost by what was heard, whoever pays it."""
        cost = sum(self.line_costs(paper).values())
        return cost + nearest_even(cost * self.margin)

    # The audit

    def audit_hold(self, account: str, call: Any, totals: Totals) -> None:
        """A live call holds what it has cost so far, and never less than at its start."""
        paper = CallPaper(call.channel, self.calls[account, call.call_id].hold)
        late = self.late_models
        paper.totals = {key: used for key, used in totals.items() if key[1] not in late}
        assert call.hold_nanos == max(paper.hold, self.accrued(paper))

    def audit_entries(self, account: str, entries: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
        """Each promise is one entry and no more, promo is spent first; (promo, paid) after all."""
        due = {
            ("call", call): self.charge(paper)
            for (owner, call), paper in self.calls.items()
            if owner == account and self.charge(paper)
        }
        given = {ref: both for (owner, ref), both in self.credits.items() if owner == account}
        promo = paid = 0
        for number, entry in enumerate(entries, start=1):
            assert entry["seq"] == number
            if entry["kind"] == "call":
                amount = due.pop(("call", entry["ref"]))
                part = min(promo, amount)
                delta = (-part, part - amount)
            else:
                delta = given.pop(entry["ref"])
            assert (entry["promo_delta_nanos"], entry["paid_delta_nanos"]) == delta, entry
            promo, paid = promo + delta[0], paid + delta[1]
            assert promo >= 0
            assert (entry["promo_after_nanos"], entry["paid_after_nanos"]) == (promo, paid), entry
        assert due == {}, "charged calls without an entry"
        assert given == {}, "credits without an entry"
        return promo, paid

    def audit_calls(self, account: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Every admitted call is there once, ended as promised, its lines and sums as reckoned."""
        papers = {call: paper for (owner, call), paper in self.calls.items() if owner == account}
        assert {row["call_id"] for row in rows} == set(papers)
        for row in rows:
            paper = papers[row["call_id"]]
            free = paper.is_free
            assert (row["status"], row["outcome"]) == ("ended", paper.outcome), row
            assert row["billing_status"] == ("free" if free else "charged"), row
            assert row["ended_by"] == ("watchdog" if paper.by_watchdog else "caller")
            assert row["hold_nanos"] == 0
            costs: dict[tuple[str, str], int | None] = {**self.line_costs(paper)}
            late = [key for key in costs if free and key[1] in self.late_models]
            costs.update(dict.fromkeys(late))
            assert {(line[0], line[2]): line[7] for line in row["lines"]} == costs
            assert row["charge_nanos"] == (None if late else self.accrued(paper))
            charged = row["promo_charged_nanos"] + row["paid_charged_nanos"]
            assert charged == (0 if free else row["charge_nanos"])
            assert (row["entry_seq"] is None) == (charged == 0)

    def audit_rollups(self, account: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """The roll-ups sum exactly the charged calls."""
        charged = [
            paper
            for (owner, _), paper in self.calls.items()
            if owner == account and not paper.is_free
        ]
        assert sum(row["calls"] for row in rows) == len(charged)
        assert sum(row["charge_nanos"] for row in rows) == sum(map(self.charge, charged))
        for service in ("llm", "stt", "tts", "sip"):
            cost = sum(
                cost
                for paper in charged
                for key, cost in self.line_costs(paper).items()
                if key[0] == service
            )
            assert sum(row[f"{service}_nanos"] for row in rows) == cost

    def audit_events(
        self,
        account: str,
        events: Sequence[Mapping[str, Any]],
        refusals: Sequence[Mapping[str, Any]],
        *,
        floor: int,
        warning: int,
    ) -> None:
        """The account's history replays: balances, the gate, crossings, the overdraft's bound."""
        refused = {row["event_seq"]: row for row in refusals}
        live: dict[str, CallPaper] = {}
        available = bound = corrected = 0
        due: list[str] = []
        for number, event in enumerate(events, start=1):
            kind, ref = event["kind"], event["ref"]
            assert event["event_seq"] == number
            if due:
                assert kind == due.pop(0)
                continue
            before = available
            if kind == "entry.posted":
                amount = sum(self.credits[account, ref])
                available += amount
                corrected += max(0, -amount)
            elif kind == "call.started":
                paper = self.calls[account, ref]
                assert before - sum(other.hold for other in live.values()) >= floor
                live[ref] = paper
                bound = sum(max(0, self.charge(p) - p.hold) for p in live.values())
                corrected = 0
            elif kind == "call.settled":
                available -= self.charge(live.pop(ref))
            elif kind == "call.refused":
                row = refused.pop(number)
                assert row["startable_nanos"] == before - row["held_nanos"] < floor
                most = sum(max(p.hold, self.accrued(p)) for p in live.values())
                assert sum(p.hold for p in live.values()) <= row["held_nanos"] <= most
            else:
                assert kind == "call.price_pending"
                assert ref in live
            assert event["available_nanos"] == available, event
            assert -available <= bound + corrected, "the overdraft is beyond its bound"
            due = [
                name
                for name, level in (
                    ("balance.below_warning", warning),
                    ("balance.below_floor", floor),
                )
                if before >= level > available
            ]
        assert (due, live, refused) == ([], {}, {})
