"""Foreign text in a report stays text, whatever it holds: judged by a Markdown parser, not by its looks."""

from unicodedata import category

import pytest
from hypothesis import example, given
from hypothesis import strategies as some
from markdown_it import MarkdownIt
from markdown_it.token import Token

from drx.engine.events import NoteAdded, ReviewAnswered, RunFinished
from drx.engine.terms import Outcome
from drx.reports.facts import gather
from drx.reports.markdown import report_markdown
from drx.reports.safe import code, escaped, fence, prose, table
from drx.reports.text import counts, findings, one_line, sentence, show_target, visible
from drx.units import parse_duration
from tests.reports.builder import Journal, automated, drill_plan

PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
HOSTILE = "\\`*_[]<>|~&#+-=.!(){}\"' \n\taZ1$:/"
FOREIGN = some.text(max_size=40) | some.text(HOSTILE, max_size=40)
NASTY = (
    "<script>alert(1)</script>",
    "![x](http://evil.example/x.png)",
    "[click](javascript:alert(1))",
    "```\n# not a heading\n```",
    "| a | b |\n|---|---|",
    "&lt;b&gt; &#60;i&#62;",
    "1. one",
    "- item",
    "> quote",
    "===",
    "~~gone~~ **bold** __bold__ _it_",
    "\\",
    "a\\|b",
    "`",
    "`` ` ``",
)


def inline(text: str) -> list[Token]:
    """The inline tokens of Markdown that must be a single paragraph or list item."""
    return [child for token in PARSER.parse(text) for child in token.children or ()]


def shown(text: str) -> str:
    """What a reader sees."""
    return "".join(child.content for child in inline(text))


@given(FOREIGN)
@example("http://a.example/*b*")
def test_escaped_text_is_shown_as_it_is(text: str) -> None:
    line = one_line(text)
    tokens = PARSER.parse(f"- x {escaped(text)}\n")
    assert [token.type for token in tokens][:3] == ["bullet_list_open", "list_item_open", "paragraph_open"]
    assert len(tokens) == 7
    assert {child.type for child in inline(f"- x {escaped(text)}")} <= {"text", "text_special"}
    assert shown(f"- x {escaped(text)}") == f"x {line}".rstrip()


@pytest.mark.parametrize("text", NASTY)
def test_escaped_text_makes_no_structure_at_the_start_of_a_line(text: str) -> None:
    tokens = PARSER.parse(f"{escaped(text)}\n")
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    assert shown(escaped(text)) == one_line(text)


@given(FOREIGN.filter(one_line))
@example("a`b``c`")
@example("`")
def test_code_is_shown_as_it_is(text: str) -> None:
    [before, found] = inline(f"x{code(text)}")
    assert (before.content, found.type, found.content) == ("x", "code_inline", one_line(text))


@given(some.lists(FOREIGN, max_size=5))
@example(["```", "# heading", "~~~"])
@example(["````", "`````"])
def test_nothing_ends_a_fence_from_inside(lines: list[str]) -> None:
    [block] = PARSER.parse(fence(lines))
    assert block.type == "fence"
    assert block.content.rstrip("\n") == visible("\n".join(lines)).rstrip("\n")


@given(some.lists(some.tuples(FOREIGN, FOREIGN), max_size=4))
def test_a_table_keeps_its_cells(rows: list[tuple[str, str]]) -> None:
    text = table(("one", "two"), [(left, code(right)) for left, right in rows], right=(1,))
    tokens = PARSER.parse(text)
    assert tokens[0].type == "table_open"
    assert sum(token.type == "tr_open" for token in tokens) == len(rows) + 1
    assert sum(token.type == "td_open" for token in tokens) == 2 * len(rows)
    cells = [token for token in tokens if token.type == "inline"][2:]
    for (left, _), cell in zip(rows, cells[::2], strict=True):
        assert "".join(child.content for child in cell.children or ()) == one_line(left)


@pytest.mark.parametrize("text", NASTY)
def test_a_report_full_of_hostile_text_has_only_its_own_structure(text: str) -> None:
    calm, hostile = (PARSER.parse(_report(said)) for said in ("calm", text))
    assert [token.type for token in hostile] == [token.type for token in calm]
    assert not any(
        child.type in ("html_inline", "link_open", "image") for token in hostile for child in token.children or ()
    )


def _report(text: str) -> str:
    journal = Journal(drill_plan(automated("a", text, expect=1)), environment=text)
    journal.start("a", {text: text}).after(9).fails("a", text, text, text, artifacts=(text,))
    journal.add(RunFinished(Outcome.FAILED, text), NoteAdded(text), ReviewAnswered(text, text))
    return report_markdown(gather(journal.plan, journal.events, journal_head=text))


def test_what_a_terminal_would_obey_becomes_visible() -> None:
    assert visible("a\x1b[31m\x07\x7f\x9b\r\nb\tc") == "a␛[31m␇␡<U+009B>\nb\tc"
    assert visible("user\u202egnp.exe") == "user<U+202E>gnp.exe"


@given(some.text())
def test_visible_text_holds_nothing_to_obey(text: str) -> None:
    assert all(sign in "\n\t" or category(sign) not in ("Cc", "Cs", "Zl", "Zp") for sign in visible(text))
    assert visible(visible(text)) == visible(text)


@pytest.mark.parametrize(
    ("outputs", "phrase"),
    [
        ({"summary": "50,000 of 50,000 images, digest equal", "missing": 0}, "50,000 of 50,000 images, digest equal"),
        ({"documents_missing": 3, "digest_equal": True, "path": "x"}, "documents missing 3, digest equal"),
        ({"digest_equal": False, "bytes": 1200000}, "not digest equal, bytes 1,200,000"),
        ({"summary": " "}, ""),
        ({}, ""),
    ],
)
def test_counts_read_as_a_phrase(outputs: dict[str, int | str | bool], phrase: str) -> None:
    assert counts(outputs) == phrase


@pytest.mark.parametrize(
    ("duration", "said"),
    [
        ("2h", "2h"),
        ("1h30m", "1h 30m"),
        ("5m", "5m"),
        ("5m 5s", "5m 05s"),
        ("30s", "30s"),
        ("0.5s", "0.5s"),
        ("7d", "7d"),
    ],
)
def test_objectives_read_as_people_say_them(duration: str, said: str) -> None:
    assert show_target(parse_duration(duration)) == said


@pytest.mark.parametrize(
    ("outputs", "phrase"),
    [
        ({"expected": 51000, "found": 51000, "writes": 52000, "in_flight": 0}, "51,000 of 51,000 documents"),
        ({"documents": 9, "missing": 0, "different": 1, "orphans": 2}, "0 missing, 1 different, 2 orphans"),
        ({"status": 200, "digest_equal": True}, "digest equal"),
        ({"expected": "2s", "found": 3}, ""),
        ({"summary": "all well", "missing": 3}, "all well"),
        ({}, ""),
    ],
)
def test_findings_leave_out_what_judges_nothing(outputs: dict[str, int | str | bool], phrase: str) -> None:
    assert findings(outputs) == phrase


def test_sentences_end_once() -> None:
    assert [sentence(text) for text in ("", "a", "a.", "a?")] == ["", "a.", "a.", "a?"]


def test_what_somebody_set_as_code_stays_code_and_all_else_is_harmless() -> None:
    assert prose("Or `none`, where *all* of $X are gone") == r"Or `none`, where \*all\* of \$X are gone"
    assert prose("`git log` and `a*b`") == "`git log` and `a*b`"
    assert prose("a ` alone, and ``two``, and ` `") == escaped("a ` alone, and ``two``, and ` `")
    assert prose("# no heading") == r"\# no heading"
