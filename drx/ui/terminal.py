"""Show a run at a terminal, the clocks at its foot, and ask the person there, one question at a time."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TextIO

from drx.engine.commands import Question
from drx.engine.events import PauseRequested
from drx.engine.plan import Plan
from drx.ui.area import Area
from drx.ui.clocked import ClockedUi
from drx.ui.conversation import about, about_interrupt
from drx.ui.port import GoOn, Interrupted, Send
from drx.ui.prompts import Prompts, Withdrawn

Key = tuple[str, str, int]
_MENU: Key = ("menu", "", 0)
_CLOSE_SECONDS = 2.0


class TerminalUi(ClockedUi):
    """Plain lines, with a prompt under them while something is asked."""

    def __init__(
        self,
        prompts: Callable[[], Prompts],
        stream: TextIO | None = None,
        *,
        colour: bool = False,
        area: Area | None = None,
    ) -> None:
        super().__init__(stream, colour=colour, area=area)
        self._make_prompts = prompts
        self._input_types: Mapping[str, str] = {}
        self._lock = threading.Lock()
        self._asking: Key | None = None
        self._prompts: Prompts | None = None
        self._thread: threading.Thread | None = None
        self._send: Send | None = None

    @property
    def attended(self) -> bool:
        """Somebody sits at the terminal."""
        return True

    def begin(self, plan: Plan) -> None:
        super().begin(plan)
        self._input_types = {spec.name: spec.type for spec in plan.inputs}

    def ask(self, questions: Sequence[Question], send: Send) -> None:
        self._send = send
        keys = [_key(question) for question in questions]
        with self._lock:
            asking = self._asking
        if self._away or (asking is not None and (asking == _MENU or asking in keys)):
            return
        self._withdraw()
        if questions:
            question = questions[0]
            self._start(keys[0], lambda prompts: about(question, prompts, send, self._input_types), send)
        else:
            super().ask(questions, send)

    def interrupt(self, running: Sequence[str], send: Send) -> None:
        self._withdraw()
        self._start(_MENU, lambda prompts: about_interrupt(running, prompts, send), send)

    def close(self) -> None:
        self._withdraw()
        super().close()

    def _leave(self) -> None:
        self._away = True
        self._withdraw()
        super()._leave()

    def _come_back(self) -> None:
        super()._come_back()
        if self._send is not None:
            self._send(GoOn())

    def _start(self, key: Key, talk: Callable[[Prompts], None], send: Send) -> None:
        if self._area:
            self._area.hide()
        prompts = self._make_prompts()
        with self._lock:
            self._asking, self._prompts = key, prompts
        self._thread = threading.Thread(target=self._talk, args=(prompts, talk, send), name="prompt", daemon=True)
        self._thread.start()

    def _talk(self, prompts: Prompts, talk: Callable[[Prompts], None], send: Send) -> None:
        try:
            talk(prompts)
        except Withdrawn:
            return
        except KeyboardInterrupt:
            self._ended(prompts)
            send(Interrupted())
        except (EOFError, OSError):
            # Nobody can answer any more; whoever comes back goes on from here.
            send(PauseRequested("the terminal was closed"))
        finally:
            self._ended(prompts)
            send(GoOn())

    def _ended(self, prompts: Prompts) -> None:
        with self._lock:
            if self._prompts is prompts:
                self._asking = self._prompts = None

    def _withdraw(self) -> None:
        with self._lock:
            prompts, self._asking, self._prompts = self._prompts, None, None
        if prompts is not None:
            prompts.withdraw()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(_CLOSE_SECONDS)


def _key(question: Question) -> Key:
    return question.kind.value, question.step, question.visit
