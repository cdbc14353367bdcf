"""Ask over HTTP, once or until an address answers well. The HTTP library is imported in use."""

import json
import shlex
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from drx.actions.base import Context, Params, Result, action
from drx.actions.blocking import call_blocking
from drx.errors import Cancelled, StepError
from drx.fields import Duration, Text
from drx.units import show_duration
from drx.values import Json

if TYPE_CHECKING:
    from drx.actions.web import Reply

_SHOWN_BODY = 300
_ENOUGH_SECONDS = 1.0
_LARGEST_JSON = 1 << 14


class Expectation(Params):
    """What an answer has to be like, shared by `http.request` and `http.wait`."""

    url: Text
    """Address to ask, http or https."""
    status: tuple[int, ...] | None = None
    """Statuses that count as good; without it, 200 to 299."""
    contains: Text | None = None
    """Text that the first MiB of the body has to hold."""
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    """SHA-256 that the body has to have, in hexadecimal."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Headers to send; sent to no other server in case of a redirect."""
    timeout: Duration = Field(default="10s", validate_default=True)
    """How long one request may take, from the look-up of the name to the last byte."""
    redirects: int = Field(default=5, ge=0, le=20)
    """How many redirects to follow; 0 takes a redirect for the answer. Only GET and HEAD follow them."""


class Request(Expectation):
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    """Method."""
    body: str | None = None
    """Text to send."""


_OUTPUTS = {
    "status": "Status of the answer.",
    "size_bytes": "Size of the body.",
    "sha256": "SHA-256 of the body, in hexadecimal.",
    "json": "The body, where it is JSON of at most 16 KiB; else null.",
}


def _curl(params: Expectation) -> str:
    return _curl_command(params, [])


def _curl_request(params: Request) -> str:
    parts = [] if params.method == "GET" else [f"--request {params.method}"]
    if params.body is not None:
        parts.append(f"--data-raw {shlex.quote(params.body)}")
    return _curl_command(params, ["--head"] if params.method == "HEAD" else parts)


def _curl_command(params: Expectation, more: list[str]) -> str:
    parts = ["curl --fail --silent --show-error --location", f"--max-time {params.timeout.total_seconds():g}"]
    parts += [f"--header {shlex.quote(f'{name}: {value}')}" for name, value in params.headers.items()]
    command = " ".join([*parts, *more, shlex.quote(params.url)])
    if params.sha256:
        command += f" | sha256sum | grep -q ^{params.sha256}"
    return f"{command} | grep -qF {shlex.quote(params.contains)}" if params.contains else command


@action("http.request", effect="write", uses=("resolver",), outputs=_OUTPUTS, by_hand=_curl_request)
def request(params: Request, context: Context) -> Result:
    """Send one request and hold the answer against what is expected.

    An answer that is cut off, late or not as expected is a failure.
    """
    return _result(_exchange(params, params.timeout.total_seconds(), context), params, context)


@action("http.check", effect="read", repeatable=True, uses=("resolver",), outputs=_OUTPUTS, by_hand=_curl)
def check(params: Expectation, context: Context) -> Result:
    """Fetch an address and hold the answer against what is expected; a probe."""
    return _result(_exchange(params, params.timeout.total_seconds(), context), params, context)


class WaitForHttp(Expectation):
    within: Duration
    """Give up after this long."""
    every: Duration = Field(default="1s", validate_default=True)
    """Pause between two requests; the last one is sent when `within` is over."""


def _curl_until_ok(params: WaitForHttp) -> str:
    return f"until {_curl(params)}; do sleep {params.every.total_seconds():g}; done"


@action(
    "http.wait",
    effect="read",
    repeatable=True,
    uses=("resolver",),
    by_hand=_curl_until_ok,
    outputs={**_OUTPUTS, "requests": "How many requests it took.", "seconds": "How long it took."},
)
def wait_for_http(params: WaitForHttp, context: Context) -> Result:
    """Wait until an address answers as expected.

    Use it after a failover, before traffic is switched.
    """
    from drx.actions.web import parse_url

    parse_url(params.url)
    began = time.monotonic()
    requests = 0
    told: StepError | None = None
    while True:
        requests += 1
        left = params.within.total_seconds() - (time.monotonic() - began)
        seconds = min(params.timeout.total_seconds(), max(left, 0.1))
        try:
            result = _result(_exchange(params, seconds, context), params, context)
        except Cancelled:
            raise
        except StepError as error:
            if told is None or seconds >= min(params.timeout.total_seconds(), _ENOUGH_SECONDS):
                told = error  # an attempt that had next to no time says nothing about the server
            left = params.within.total_seconds() - (time.monotonic() - began)
            if left <= 0:
                within = show_duration(params.within)
                raise StepError(f"not well within {within}: {told.message}", told.remedy, lines=told.lines) from None
            context.sleep(min(params.every.total_seconds(), left))
            continue
        seconds = round(time.monotonic() - began, 3)
        return Result({**result.outputs, "requests": requests, "seconds": seconds}, result.lines)


def _exchange(params: Expectation, seconds: float, context: Context) -> "Reply":
    from drx.actions.web import LOOK, Exchange, shown

    method, body = (params.method, params.body) if isinstance(params, Request) else ("GET", None)
    data = None if body is None else body.encode()
    look_up = _look_up(context, seconds)
    exchange = Exchange(method, params.url, params.headers, data, seconds, params.redirects, look_up)
    try:
        return call_blocking(context, exchange.run, exchange.stop, seconds)
    except Cancelled:
        raise
    except TimeoutError:
        raise StepError(context.mask(f"{shown(params.url)} did not answer within {seconds:g}s"), LOOK) from None
    except StepError as error:
        raise StepError(context.mask(error.message), error.remedy) from None


def _look_up(context: Context, seconds: float) -> Callable[[str], str]:
    """How names are looked up: those that the environment's own resolver knows there, all others by the system."""
    own = context.target.resolver
    if own is None:
        return str
    from drx.actions.providers.lookup import addresses_of

    return lambda name: addresses_of(name, own.address, seconds)[0] if name.lower().rstrip(".") in own.names else name


def _result(reply: "Reply", params: Expectation, context: Context) -> Result:
    from drx.actions.web import shown

    wrong = _difference(reply, params)
    body = context.mask(reply.start[:_SHOWN_BODY].decode("utf-8", "replace"))
    lines = (f"HTTP {reply.status} {reply.reason}, {reply.size_bytes:,} bytes",)
    if wrong:
        said = tuple(body.splitlines()) if not reply.content_type.startswith(("image/", "video/", "audio/")) else ()
        raise StepError(context.mask(f"{shown(reply.url)} {wrong}"), "Ask it by hand to see more", lines=lines + said)
    outputs: dict[str, Json] = {
        "status": reply.status,
        "size_bytes": reply.size_bytes,
        "sha256": reply.sha256,
        "json": _json(reply),
    }
    return Result(outputs, lines)


def _difference(reply: "Reply", params: Expectation) -> str:
    if not (reply.status in params.status if params.status else 200 <= reply.status < 300):
        wanted = f", not {', '.join(map(str, params.status))}" if params.status else ""
        return f"answered {reply.status} {reply.reason}{wanted}"
    if params.sha256 and reply.sha256 != params.sha256:
        return f"gave {reply.size_bytes:,} bytes with SHA-256 {reply.sha256}, not {params.sha256}"
    if params.contains and params.contains.encode() not in reply.start:
        return f"answered without the text '{params.contains[:80]}'"
    return ""


def _json(reply: "Reply") -> Json:
    if reply.size_bytes > _LARGEST_JSON:
        return None
    try:
        value: Json = json.loads(reply.start)
    except (ValueError, RecursionError):
        return None
    return value
