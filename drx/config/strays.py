"""Find secrets that a run does not use, but may meet: those of other environments, in variables and files."""

from collections.abc import Iterator, Mapping

from drx.config.load import REFERENCING, SECRETS, Config, ValuePath, texts
from drx.config.values import FILE, REFERENCE
from drx.files import read_regular
from drx.secrets import secrets_of

_MOST_BYTES = 64 * 1024
_ADDRESS = "uri"


def stray_secrets(config: Config, environ: Mapping[str, str]) -> Iterator[str]:
    """List what every secret setting of drx.yaml refers to, in whatever environment, as far as it can be read.

    What the `secret_command` itself needs is among it.

    No `secret_command` is run for it. What is missing or cannot be read is nothing that could come out.
    """
    yield from (environ[name] for name in config.settings.secret_variables if environ.get(name))
    for part in REFERENCING:
        for path, text in texts(config.document.data.get(part), (part,)):
            if is_secret(path):
                yield from values(text, path, config, environ)


def is_secret(path: ValuePath) -> bool:
    """Whether a setting holds a secret; addresses that messages go to are some: who knows them may use them."""
    if path[0] in ("notify", "schedules"):
        return path[-1] != "report_url"
    return path[-1] in SECRETS or path[-1] == _ADDRESS


def values(text: str, path: ValuePath, config: Config, environ: Mapping[str, str]) -> Iterator[str]:
    """List what a setting's text refers to, as far as it can be read; nothing where a command would have to be run."""
    if text.startswith(FILE):
        try:
            found = [read_regular(config.directory / text.removeprefix(FILE), _MOST_BYTES).decode().rstrip("\r\n")]
        except (OSError, UnicodeDecodeError):
            return
    else:
        found = [environ[name] for name in REFERENCE.findall(text) if environ.get(name)]
    for value in found:
        yield from secrets_of(value) if path[-1] == _ADDRESS else (value,)
