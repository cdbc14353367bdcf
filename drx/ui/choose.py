"""Choose how a run is shown, once, at the top."""

import os
import sys
from collections.abc import Callable, Collection, Mapping

from drx.engine.events import Event
from drx.ui.area import Area, LookUp
from drx.ui.clocked import ClockedUi
from drx.ui.plain import PlainUi
from drx.ui.port import Ui
from drx.ui.prompts import LinePrompts, Prompts
from drx.ui.rich import RichPrompts
from drx.ui.terminal import TerminalUi
from drx.ui.window import Window


def choose_ui(
    *,
    unattended: bool,
    watching: bool = False,
    encode: Callable[[Event], str] | None = None,
    protected: Collection[str] = (),
    earlier: LookUp = lambda runbook: {},
    environ: Mapping[str, str] = os.environ,
) -> Ui:
    """Give JSON lines with `encode`, prompts where a person sits at a terminal, else plain lines.

    Somebody who is only `watching` at a terminal sees the clocks, and is asked nothing. NO_COLOR and TERM=dumb are
    respected. `protected` names the environments that must not be mistaken for others, and `earlier` tells what the
    steps of a runbook took in earlier runs.
    """
    if encode is not None:
        from drx.ui.jsonl import JsonlUi

        return JsonlUi(encode)
    shown, dumb = sys.stdout.isatty(), is_dumb(environ)
    colour = shown and not dumb and not environ.get("NO_COLOR")
    if watching and shown and not dumb:
        return ClockedUi(colour=colour, area=Area(protected, earlier))
    if watching or unattended or not (shown and sys.stdin.isatty()):
        return PlainUi(colour=colour)
    if dumb:
        return TerminalUi(LinePrompts, colour=colour)
    area = Area(protected, earlier)
    return TerminalUi(lambda: RichPrompts(area.styled, area.window), colour=colour, area=area)


def is_dumb(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether nothing is known of this terminal, so that the cursor must not be moved on it."""
    return environ.get("TERM") in (None, "", "dumb", "unknown")


def choose_prompts(environ: Mapping[str, str] = os.environ) -> tuple[Prompts, Callable[[str], None]]:
    """Give what asks a person at this terminal, and what writes lines above the questions."""
    if is_dumb(environ):
        return LinePrompts(), print
    window = Window()

    def say(text: str) -> None:
        window.keep(text)
        print(text)

    return RichPrompts(window=window), say
