"""Which moments can be restored, and why not the others."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

import pytest
from bson import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from drx.backup.format.manifest import SliceManifest
from drx.backup.holdings.inventory import Backup, Facts, Slice
from drx.backup.holdings.window import Gap, Span, find_window, read_oplog
from drx.backup.oplog.slices import find_chain
from tests.backup.holdings.test_retention import slices, stores


def at(second: int) -> Timestamp:
    return Timestamp(second, 1)


def base(second: int, database: str = "db", server: str | None = None) -> Backup:
    moment = datetime.fromtimestamp(second, UTC)
    facts = Facts(database, at(second), at(second), moment, moment, 1, 1, 1, 0, "8.0", "0", None, server)
    return Backup(f"svc/base/b{second}/", f"b{second}", "full", "whole", facts=facts)


def piece(start: int, end: int, gap: str = "", lost: str = "", server: str | None = None) -> Slice:
    state: Literal["damaged", "whole"] = "damaged" if lost else "whole"
    return Slice(at(start), at(end), state, lost, database="" if lost else "db", gap=gap, server=server)


@pytest.mark.parametrize(
    ("bases", "pieces", "spans", "gaps"),
    [
        ([], [piece(1, 9)], [], []),
        ([base(5)], [], [(5, 5)], []),
        ([base(5)], [piece(1, 9), piece(9, 12)], [(5, 12)], []),
        ([base(5)], [piece(1, 5)], [(5, 5)], []),
        ([base(5), base(8), base(11)], [piece(4, 9), piece(9, 12)], [(5, 12)], []),
        ([base(5)], [piece(5, 9), piece(10, 12, "rolled over")], [(5, 9)], [(9, None, "rolled over")]),
        ([base(5), base(11)], [piece(5, 9), piece(10, 12)], [(5, 9), (11, 12)],
         [(9, 11, "no slice holds the oplog between 1970-01-01 00:00:09 and 1970-01-01 00:00:10 UTC")]),
        ([base(5), base(11)], [piece(5, 9), piece(9, 12, lost="x is not there")], [(5, 9), (11, 11)],
         [(9, 11, "x is not there"), (11, None, "x is not there")]),
        ([base(5), base(11)], [piece(11, 12)], [(5, 5), (11, 12)], [(5, 11, "no slice was taken")]),
        ([base(5, "other"), base(7)], [piece(5, 9)], [(7, 9)], []),
        ([base(5, server="a")], [piece(5, 9, server="a"), piece(9, 12, server="b")], [(5, 9)],
         [(9, None, "the slices after it are of another server's oplog")]),
        ([base(5, server="a"), base(8, server="b")], [piece(5, 9, server="a"), piece(8, 12, server="b")], [(5, 12)],
         []),
        ([base(5, server="a"), base(11, server="b")],
         [piece(5, 7, server="a"), piece(6, 8, server="b"), piece(7, 9, server="a"), piece(8, 14, server="b")],
         [(5, 9), (11, 14)], [(9, 11, "the slices after it are of another server's oplog")]),
    ],
)  # fmt: skip
def test_spans_and_gaps(
    bases: list[Backup],
    pieces: list[Slice],
    spans: list[tuple[int, int]],
    gaps: list[tuple[int, int | None, str]],
) -> None:
    own = [found for found in bases if found.facts and found.facts.database == "db"]
    found = find_window(own, read_oplog(pieces, "db"))
    assert found.spans == tuple(Span(at(start), at(end), f"b{start}") for start, end in spans)
    assert found.gaps == tuple(Gap(at(start), at(end) if end else None, cause) for start, end, cause in gaps)


def test_slices_of_another_database_lead_nowhere() -> None:
    other = Slice(at(5), at(9), "whole", database="other")
    assert find_window([base(5)], read_oplog([other], "db")).spans == (Span(at(5), at(5), "b5"),)


def test_gaps_before_the_kept_span_are_retentions_own() -> None:
    found = find_window([base(5), base(11), base(20)], read_oplog([piece(11, 13)]), kept_since=at(11))
    assert [gap.is_policy for gap in found.gaps] == [True, False]


@given(stores(), slices(), st.integers(0, 30))
def test_it_agrees_with_the_chain_that_a_restore_takes(found: list[Backup], pieces: list[Slice], number: int) -> None:
    """A base's chain ends where its span ends, unless a later base leads on from within."""
    whole = [each for each in found if each.state == "whole" and each.kind == "full"]
    if not whole:
        return
    chosen = whole[number % len(whole)]
    assert chosen.facts
    manifests = [SliceManifest("svc", "db", each.start, each.end, 1, 1, "ab") for each in pieces]
    manifest = type("M", (), {"end": chosen.facts.end, "database": "db", "server": None})()
    reach = find_chain(manifest, manifests).end  # it needs no more of a manifest
    assert find_window([chosen], read_oplog(pieces)).spans == (Span(chosen.facts.end, reach, chosen.id),)
    assert any(
        span.start <= chosen.facts.end and reach <= span.end for span in find_window(found, read_oplog(pieces)).spans
    )


@pytest.mark.parametrize(("parent", "spans"), [("b5", [(5, 9), (20, 30)]), ("b4", [(5, 9)])])
def test_a_differential_bridges_a_gap_only_beside_its_base(parent: str, spans: list[tuple[int, int]]) -> None:
    folded = base(20)
    assert folded.facts
    folded = replace(folded, id="d20", kind="differential", facts=replace(folded.facts, parent=parent))
    found = find_window([base(5), folded], read_oplog([piece(5, 9), piece(15, 30)])).spans
    assert [(span.start.time, span.end.time) for span in found] == spans
