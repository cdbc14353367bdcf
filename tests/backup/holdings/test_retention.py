"""Retention: what is kept and why, as tables against restic's words, and as properties of any store and policy."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from bson import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from drx.backup.format.restore_tests import RestoreTest
from drx.backup.holdings.inventory import Backup, Facts, Kind, Slice, State
from drx.backup.holdings.retention import Judgement, Rules, judge
from drx.backup.holdings.window import find_window, read_oplog
from drx.config import Retention

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
NOTHING = Retention(timedelta(), 0, 0, 0, 0, 1)
DAY = timedelta(days=1)


def backup(at: datetime, kind: Kind = "full", state: State = "whole", parent: str | None = None, **more: str) -> Backup:
    backup_id = more.get("id", f"{at:%Y-%m-%dT%H:%M:%S}")
    end = Timestamp(int(at.timestamp()), 1)
    facts = Facts(more.get("database", "db"), end, end, at, at, 1, 1, 1, 0, "8.0", "0", parent)
    return Backup(f"svc/{kind}/{backup_id}/", backup_id, kind, state, "" if state == "whole" else "why", facts=facts)


def unfinished(at: datetime | None, state: State = "incomplete") -> Backup:
    return Backup("svc/base/failed/", "failed", "full", state, "it was never finished", written_at=at)


def bases(*moments: str) -> list[Backup]:
    return [backup(datetime.fromisoformat(moment).replace(tzinfo=UTC)) for moment in moments]


def decide(found: list[Backup], policy: Retention, **more: object) -> Judgement:
    return judge(found, replace(Rules(policy, NOW), **more))  # type: ignore[arg-type]


def kept(judgement: Judgement) -> list[str]:
    return [verdict.backup.id for verdict in judgement.verdicts if verdict.keep]


@pytest.mark.parametrize(
    ("policy", "moments", "expected"),
    [
        # "for the last n days which have one or more snapshots, keep only the most recent one for each day"
        ({"daily": 2}, ["11-17T03", "11-18T03", "11-18T23", "11-20T03"], ["11-18T23", "11-20T03"]),
        # days without one do not count
        ({"daily": 2}, ["10-01T03", "11-01T03", "11-20T03"], ["11-01T03", "11-20T03"]),
        # the day is that of UTC: a minute past midnight is another one
        ({"daily": 2}, ["11-18T23", "11-19T23", "11-20T00"], ["11-19T23", "11-20T00"]),
        # "if there are not enough snapshots to keep one for each, the oldest snapshot is kept additionally"
        ({"daily": 3}, ["11-20T01", "11-20T02", "11-20T03"], ["11-20T01", "11-20T03"]),
        # ISO weeks: 2026-11-15 is a Sunday, and the last day of its week
        ({"weekly": 2}, ["11-14T03", "11-15T03", "11-16T03", "11-20T03"], ["11-15T03", "11-20T03"]),
        ({"monthly": 2}, ["09-30T03", "10-01T03", "10-31T03", "11-01T03", "11-20T03"], ["10-31T03", "11-20T03"]),
        ({"yearly": 1}, ["01-01T03", "11-20T03"], ["11-20T03"]),
        ({"minimum": 2}, ["11-17T03", "11-18T03", "11-18T23", "11-20T03"], ["11-18T23", "11-20T03"]),
        # everything since the edge, and the newest base before it
        ({"within": 2 * DAY}, ["11-17T03", "11-18T03", "11-19T09", "11-20T03"], ["11-18T03", "11-19T09", "11-20T03"]),
        ({}, ["11-17T03", "11-20T03"], ["11-20T03"]),
    ],
)  # fmt: skip
def test_rules_as_restic_and_pgbackrest_mean_them(
    policy: dict[str, object], moments: list[str], expected: list[str]
) -> None:
    found = bases(*(f"2026-{moment}:00" for moment in moments))
    judgement = decide(found, replace(NOTHING, **policy))  # type: ignore[arg-type]
    assert kept(judgement) == [f"2026-{moment}:00:00" for moment in expected]
    assert all(verdict.reasons for verdict in judgement.verdicts)


@pytest.mark.parametrize(
    ("policy", "moments", "expected"),
    [
        # a leap day ends its month, as every last of a month does
        ({"monthly": 3}, ["2024-01-30T03", "2024-01-31T23", "2024-02-28T03", "2024-02-29T03", "2024-03-31T03"],
         ["2024-01-31T23", "2024-02-29T03", "2024-03-31T03"]),
        ({"monthly": 2}, ["2023-02-28T23", "2023-03-01T00", "2023-03-31T23"], ["2023-02-28T23", "2023-03-31T23"]),
        ({"daily": 2}, ["2024-02-28T23", "2024-02-29T00", "2024-02-29T23", "2024-03-01T00"],
         ["2024-02-29T23", "2024-03-01T00"]),
        # the 53rd week lies in two years, and is one
        ({"weekly": 2}, ["2020-12-27T03", "2020-12-31T03", "2021-01-01T03", "2021-01-03T23"],
         ["2020-12-27T03", "2021-01-03T23"]),
        ({"weekly": 1}, ["2024-12-29T03", "2024-12-30T03", "2025-01-01T03"], ["2025-01-01T03"]),
        ({"yearly": 2}, ["2025-12-31T22", "2025-12-31T23", "2026-01-01T00", "2026-11-20T03"],
         ["2025-12-31T23", "2026-11-20T03"]),
        # clocks go back in Europe on 2026-10-25: the day has 24 hours of UTC all the same
        ({"daily": 2}, ["2026-10-24T23", "2026-10-25T00", "2026-10-25T01", "2026-10-25T23"],
         ["2026-10-24T23", "2026-10-25T23"]),
    ],
)  # fmt: skip
def test_odd_dates(policy: dict[str, object], moments: list[str], expected: list[str]) -> None:
    judgement = decide(bases(*(f"{moment}:00" for moment in moments)), replace(NOTHING, **policy))  # type: ignore[arg-type]
    assert kept(judgement) == [f"{moment}:00:00" for moment in expected]


def test_reasons_are_words() -> None:
    policy = Retention(DAY, 2, 1, 0, 0, 1)
    judgement = decide(bases("2026-11-18T03:00", "2026-11-19T03:00", "2026-11-20T03:00", "2026-11-21T03:00"), policy)
    assert [(verdict.keep, verdict.reasons) for verdict in judgement.verdicts] == [
        (False, ("no rule keeps it",)),
        (False, ("no rule keeps it",)),
        (True, ("within 1d: the seconds up to the next base need it", "daily 2026-11-20")),
        (True, ("within 1d", "daily 2026-11-21", "weekly 2026-W47", "the last good one")),
    ]


OLD, NEW = bases("2026-11-01T03:00", "2026-11-20T03:00")


@pytest.mark.parametrize(
    ("found", "more", "hold"),
    [
        ([], {}, ""),
        ([OLD, NEW], {}, ""),
        ([OLD, NEW], {"newest_within": timedelta(hours=30)}, ""),
        ([OLD, NEW], {"newest_within": timedelta(hours=26)}, "the newest good base is 1d 5h old, not 1d 2h"),
        ([OLD, NEW, unfinished(NOW)], {}, "the newest backup, failed, is incomplete: it was never finished"),
        ([OLD, NEW, unfinished(None)], {}, "the newest backup, failed, is incomplete: it was never finished"),
        ([OLD, NEW, unfinished(NOW, "damaged")], {}, "the newest backup, failed, is damaged: it was never finished"),
        ([OLD, NEW, unfinished(NOW - 10 * DAY)], {}, ""),
        ([OLD, replace(NEW, state="damaged", problem="cut")], {},
         f"the newest backup, {NEW.id}, is damaged: cut"),
        ([replace(OLD, state="damaged", problem="cut"), NEW], {}, ""),
        ([unfinished(NOW - 10 * DAY)], {}, "there is no good base"),
        ([OLD, NEW, backup(NOW - 90 * DAY, database="old", state="damaged")], {},
         "there is no good base of the database old"),
        ([OLD, NEW, backup(NOW - 90 * DAY, database="old"), unfinished(NOW - 80 * DAY)], {}, ""),
    ],
)  # fmt: skip
def test_nothing_is_deleted_while_something_is_wrong(found: list[Backup], more: dict[str, object], hold: str) -> None:
    judgement = decide(found, NOTHING, **more)
    assert judgement.hold == hold
    if hold:
        assert not judgement.doomed
        assert judgement.keeps_oplog(Timestamp(0, 1))
    elif len(found) > 1:
        assert judgement.doomed or found[0].state == "damaged"


def test_what_was_never_finished_goes_after_a_while() -> None:
    stale, fresh = unfinished(NOW - 3 * DAY), unfinished(NOW - timedelta(hours=31))
    for found, keep in ((stale, False), (fresh, False), (replace(fresh, state="damaged"), True)):
        judgement = decide([found, NEW], NOTHING)
        assert [verdict.keep for verdict in judgement.verdicts if verdict.backup is found] == [keep]
    assert not decide([fresh, NEW], NOTHING, unfinished_for=2 * DAY).doomed


def test_what_the_store_protects_stays_and_so_does_what_it_needs() -> None:
    folded = backup(NOW - 15 * DAY, "differential", parent=OLD.id)
    judgement = judge([OLD, folded, NEW], Rules(NOTHING, NOW), {folded.name: "under Object Lock until tomorrow"})
    assert [verdict.reasons for verdict in judgement.verdicts] == [
        (f"the differential {folded.id} needs it",),
        ("under Object Lock until tomorrow",),
        ("within 0s: the seconds up to the next base need it", "the last good one"),
    ]


hours = st.integers(0, 24 * 400)
moments = hours.map(lambda ago: NOW - timedelta(hours=ago))
policies = st.builds(
    Retention,
    within=st.integers(0, 24 * 40).map(lambda hours: timedelta(hours=hours)),
    daily=st.integers(0, 10), weekly=st.integers(0, 6), monthly=st.integers(0, 6), yearly=st.integers(0, 3),
    minimum=st.integers(0, 4),
)  # fmt: skip


@st.composite
def stores(draw: st.DrawFn) -> list[Backup]:
    """Bases, a few of them damaged, and differentials of some."""
    times = sorted(draw(st.sets(moments, max_size=25)))
    states: st.SearchStrategy[State] = st.sampled_from(["whole", "whole", "whole", "damaged"])
    found = [backup(at, state=draw(states)) for at in times]
    for base in list(found):
        if draw(st.booleans()):
            after = draw(st.integers(1, 40))
            at = base.facts.consistent_at + timedelta(hours=after)  # type: ignore[union-attr]
            found.append(backup(at, "differential", parent=base.id, id=f"d-{base.id}"))
    for at in draw(st.lists(moments, max_size=1)):
        found.append(unfinished(at))
    return found


@st.composite
def slices(draw: st.DrawFn) -> list[Slice]:
    """Slices of some hours each; between some of them there is a gap."""
    found: list[Slice] = []
    at = Timestamp(int((NOW - timedelta(hours=24 * 60)).timestamp()), 1)
    while at.time < NOW.timestamp() and len(found) < 40:
        start = Timestamp(at.time + 3600 * draw(st.sampled_from([0, 0, 0, 5])), 1)
        at = Timestamp(start.time + 3600 * draw(st.integers(1, 90)), 1)
        found.append(Slice(start, at, "whole", database="db", gap="rolled over"))
    return found


@given(stores(), policies)
def test_the_last_good_base_and_what_is_needed_always_stay(found: list[Backup], policy: Retention) -> None:
    judgement = decide(found, policy)
    assert len(judgement.verdicts) == len(found)
    assert all(verdict.reasons for verdict in judgement.verdicts)
    good = [each for each in found if each.state == "whole" and each.kind == "full"]
    good.sort(key=lambda each: each.facts.end)  # type: ignore[union-attr]
    stays = {verdict.backup.id for verdict in judgement.verdicts if verdict.keep}
    assert {each.id for each in good[-max(policy.minimum, 1) :]} <= stays
    there = {each.id for each in good}
    for each in found:
        if each.id in stays and each.kind == "differential" and each.facts and each.facts.parent in there:
            assert each.facts.parent in stays
    assert all(each.id in stays for each in found if each.state == "damaged")


@given(stores(), slices(), policies)
def test_any_second_within_stays_restorable(found: list[Backup], pieces: list[Slice], policy: Retention) -> None:
    judgement = decide(found, policy)
    edge = int((NOW - policy.within).timestamp())
    left = [verdict.backup for verdict in judgement.verdicts if verdict.keep]
    newest = max((piece.end for piece in pieces), default=None)
    slices_left = [piece for piece in pieces if judgement.keeps_oplog(piece.end) or piece.end == newest]
    before, after = find_window(found, read_oplog(pieces)), find_window(left, read_oplog(slices_left))
    for span in before.spans:
        for second in {span.start.time, span.end.time, max(edge, span.start.time), edge + 1800}:
            if edge <= second <= span.end.time and second >= span.start.time:
                assert any(each.start.time <= second <= each.end.time for each in after.spans), second


@given(stores(), policies)
def test_a_second_time_nothing_more_goes(found: list[Backup], policy: Retention) -> None:
    left = [verdict.backup for verdict in decide(found, policy).verdicts if verdict.keep]
    assert not decide(left, policy).doomed


@given(stores(), policies, st.sampled_from(["daily", "weekly", "monthly", "yearly"]), st.integers(1, 5))
def test_a_larger_policy_keeps_more(found: list[Backup], policy: Retention, period: str, more: int) -> None:
    larger = replace(policy, **{period: getattr(policy, period) + more})
    assert set(kept(decide(found, policy))) <= set(kept(decide(found, larger)))


@given(stores(), slices(), policies, st.integers(0, 24 * 500))
def test_a_clock_that_was_set_back_deletes_no_more(
    found: list[Backup], pieces: list[Slice], policy: Retention, hours: int
) -> None:
    """Also where the newest backups are then of a time to come."""
    now, back = decide(found, policy), decide(found, policy, now=NOW - timedelta(hours=hours))
    assert set(kept(now)) <= set(kept(back))
    assert all(back.keeps_oplog(piece.end) for piece in pieces if now.keeps_oplog(piece.end))


@given(stores(), policies, moments)
def test_nothing_goes_while_the_newest_is_unfit(found: list[Backup], policy: Retention, at: datetime) -> None:
    newest = max((each.facts.finished_at for each in found if each.state == "whole" and each.facts), default=NOW)
    judgement = decide([*found, unfinished(max(at, newest + timedelta(seconds=1)))], policy)
    assert judgement.hold
    assert not judgement.doomed


def test_the_newest_base_that_was_proven_to_restore_stays() -> None:
    found = bases("2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04")
    proven = RestoreTest("r", datetime(2026, 1, 5, tzinfo=UTC), True, "primary")
    failed = replace(proven, passed=False, at=proven.at + timedelta(days=1))
    tested = [
        *(replace(each, tests=(proven,)) for each in found[:2]), replace(found[2], tests=(proven, failed)), found[3],
    ]  # fmt: skip
    policy = Retention(timedelta(0), 0, 0, 0, 0, 1)
    verdicts = {verdict.backup.id: verdict for verdict in decide(tested, policy).verdicts if verdict.keep}
    assert list(verdicts) == [found[1].id, found[3].id]
    assert verdicts[found[1].id].reasons == ("the newest that a restore test has proven",)
