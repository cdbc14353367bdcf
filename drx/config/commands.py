"""Read secrets from the team's own command, such as `pass show`. Prints and keeps nothing of what it gives."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_SECONDS = 30
_LONGEST_BYTES = 64 * 1024


class UnreadSecret(Exception):
    """A secret could not be read; `message` and `remedy` hold nothing that the command printed."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class SecretCommand:
    """Runs `secret_command NAME`, once for each name, without a shell and without a terminal."""

    def __init__(
        self, command: Sequence[str], directory: Path, environ: Mapping[str, str], seconds: float = _SECONDS
    ) -> None:
        self._seconds = seconds
        self._command = tuple(command)
        self._directory = directory
        self._environ = environ
        self._known: dict[str, str] = {}

    def read(self, name: str) -> str:
        """Give what the command prints for a name, without the last line break.

        Raises UnreadSecret where it fails, prints nothing, or takes longer than 30 seconds.
        """
        if name not in self._known:
            self._known[name] = self._run(name)
        return self._known[name]

    def _run(self, name: str) -> str:
        if name.startswith("-"):
            raise UnreadSecret(f"'{name}' is no name of a secret", "Write secret:NAME; a name does not begin with -")
        program, by_hand = self._command[0], f"Try it by hand: {' '.join((*self._command, name))}"
        try:
            with subprocess.Popen(
                (*self._command, name),
                cwd=self._directory,
                env=dict(self._environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            ) as process:
                try:
                    data = process.communicate(timeout=self._seconds)[0]
                finally:
                    with suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)  # with whatever it left behind
        except subprocess.TimeoutExpired:
            raise UnreadSecret(f"{program} did not give '{name}' within {self._seconds:g} s", by_hand) from None
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "its name cannot be passed on"
            raise UnreadSecret(f"{program} cannot be started: {reason}", "Correct secret_command") from None
        if process.returncode:
            raise UnreadSecret(f"{program} did not give '{name}': it ended with {process.returncode}", by_hand)
        return _text(data, f"{program} gave for '{name}'", by_hand)


def _text(data: bytes, gave: str, remedy: str) -> str:
    try:
        text = data.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise UnreadSecret(f"what {gave} is not UTF-8 text", remedy) from None
    if not text or len(data) > _LONGEST_BYTES:
        raise UnreadSecret(f"what {gave} is {'too long' if text else 'empty'}", remedy)
    return text
