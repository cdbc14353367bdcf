"""Send one message to one destination. Every way to fail comes back as a line that holds no secret."""

import json
from typing import assert_never

from drx.actions.web import Exchange, shown
from drx.config.model import About
from drx.errors import StepError
from drx.notify.destinations import Destination, Kind
from drx.reports.notices import Notice
from drx.secrets import Masker
from drx.units import show_time

INSTALL = "Apprise is not installed: pip install 'drx[notify]'"
_MAX_TEXT = 3000
"""Chat services cut or refuse what is longer."""


def deliver(destination: Destination, notice: Notice, seconds: float) -> str:
    """Send a message; gives why that failed, empty where it did not. It may take longer than `seconds`."""
    if destination.address is None:
        return destination.problem
    address = destination.address.reveal()
    match destination.kind:
        case Kind.HOOK:
            failed = _post(address, _json(notice), "application/json", seconds)
        case Kind.PING:
            failed = _post(_ping(address, notice), _text(notice).encode(), "text/plain; charset=utf-8", seconds)
        case Kind.APPRISE:
            failed = _apprise(address, notice)
        case kind:
            assert_never(kind)
    return Masker([address]).mask(failed)


def _post(url: str, body: bytes, content_type: str, seconds: float) -> str:
    try:
        reply = Exchange("POST", url, {"Content-Type": content_type}, body, seconds, redirects=0).run()
    except StepError as error:
        return error.message.replace(shown(url), "it")
    return "" if 200 <= reply.status < 300 else f"it answered {reply.status} {reply.reason}".rstrip()


def _ping(address: str, notice: Notice) -> str:
    base, mark, query = address.partition("?")
    match notice.about:
        case About.SUCCESS:
            end = ""
        case About.START:
            end = "/start"
        case _:
            end = "/fail"
    return f"{base.rstrip('/')}{end}{mark}{query}"


def _json(notice: Notice) -> bytes:
    """Slack, Mattermost and their like show `text`; the rest is for programs."""
    body = {
        "text": _text(notice),
        "about": notice.about,
        "title": notice.title,
        "job": notice.job,
        "environment": notice.environment,
        "run": notice.run,
        "details": list(notice.what),
        "what_to_do": notice.remedy,
        "report": notice.report,
        "at": show_time(notice.at),
    }
    return json.dumps(body, ensure_ascii=False).encode()


def _text(notice: Notice) -> str:
    return f"{notice.title}\n{notice.text}"[:_MAX_TEXT]


def _apprise(address: str, notice: Notice) -> str:
    try:
        import apprise
    except ImportError:
        return INSTALL
    import logging

    log = logging.getLogger("apprise")
    log.addHandler(logging.NullHandler())
    log.propagate = False  # its lines may hold the address
    kinds = {About.SUCCESS: apprise.NotifyType.SUCCESS, About.START: apprise.NotifyType.INFO}
    sender = apprise.Apprise()
    if not sender.add(address):
        return "Apprise does not know this kind of address: see https://appriseit.com/services/"
    kind = kinds.get(notice.about, apprise.NotifyType.FAILURE)
    try:
        sent = sender.notify(title=notice.title, body=notice.text[:_MAX_TEXT], notify_type=kind)
    except Exception as error:  # a plug-in of many; none may bring a run down
        return f"Apprise failed: {type(error).__name__}"
    return "" if sent else "Apprise could not deliver it: check the address, and that the service is up"
