"""Find out who hears of a message: channels, web hooks and dead man's switches of drx.yaml. Sends nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from drx.config import Config
from drx.config.load import ValuePath
from drx.config.model import Channel, Notify
from drx.config.resolve import resolve_text
from drx.reports.notices import Notice
from drx.secrets import Secret
from drx.yaml_source import InvalidDocument


class Kind(StrEnum):
    """How a message gets there."""

    HOOK = "web hook"
    PING = "ping"
    APPRISE = "apprise"


@dataclass(frozen=True)
class Destination:
    """Somebody who hears of something. Without an address, `problem` says why there is none."""

    kind: Kind
    name: str
    """May be shown: the address may not."""
    address: Secret | None = None
    problem: str = ""


def destinations(config: Config, notice: Notice, environ: Mapping[str, str]) -> Iterator[Destination]:
    """List who hears of a message."""
    settings = config.settings
    for index, schedule in enumerate(settings.schedules):
        here = schedule.environment in (None, notice.environment)
        if schedule.ping and notice.job and (schedule.run or schedule.drill) == notice.job and here:
            yield _found(config, ("schedules", index, "ping"), environ, Kind.PING)
    found = settings.environments.get(notice.environment)
    practice = found is not None and found.sandbox
    for path, channel in _channels(config):
        if notice.about in channel.on and channel.covers(notice.environment, practice=practice):
            yield _found(config, path, environ)


def every_channel(config: Config, environ: Mapping[str, str]) -> list[Destination]:
    """List every channel and web hook; no dead man's switch, which would take a test for a sign of life."""
    return [_found(config, path, environ) for path, _ in _channels(config)]


def may_need_apprise(notify: Notify) -> bool:
    """Whether an address is one of Apprise's, or a reference, which may turn out to be one."""
    addresses = (*notify.on_failure, *(channel.url for channel in notify.channels))
    return not all(address.startswith(("http://", "https://")) for address in addresses)


def _channels(config: Config) -> Iterator[tuple[ValuePath, Channel]]:
    notify = config.settings.notify
    for index, hook in enumerate(notify.hooks):
        yield ("notify", "on_failure", index), hook
    for index, channel in enumerate(notify.channels):
        yield ("notify", "channels", index, "url"), channel


def _found(config: Config, path: ValuePath, environ: Mapping[str, str], kind: Kind | None = None) -> Destination:
    place = ".".join(str(part) for part in path)
    try:
        text = resolve_text(config, path, environ)
    except InvalidDocument as error:
        return Destination(kind or Kind.HOOK, place, problem=str(error.problems[0].message))
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
    except ValueError:
        parts, host = None, ""
    if parts is None or not parts.scheme:
        return Destination(kind or Kind.HOOK, place, problem="this is no address")
    if parts.scheme in ("http", "https"):
        kind = kind or Kind.HOOK
        return Destination(kind, f"{kind} {host}", Secret(text))
    return Destination(Kind.APPRISE, parts.scheme, Secret(text))
