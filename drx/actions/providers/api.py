"""Ask a JSON API over HTTPS: bounded in time and size, retried where that is safe, explained where it fails."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Literal, Protocol, TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, ValidationError

from drx.actions.blocking import call_blocking
from drx.actions.web import KEPT_BYTES, Exchange, Reply, shown
from drx.errors import Cancelled, PermanentError, StepError
from drx.secrets import Masker
from drx.values import Json

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
_M = TypeVar("_M", bound=BaseModel)
_ONE_REQUEST_SECONDS = 30.0
_TRIES = 5
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 120.0
_SHOWN = 300


class Answer(BaseModel):
    """Base of what a service answers: what is not stated here is passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Waiter(Protocol):
    """Whoever waits for an answer: a step's context, or the guard."""

    def check(self) -> None:
        """Raise Cancelled if the work has to stop."""

    def sleep(self, seconds: float) -> None:
        """Wait; raises Cancelled when the work has to stop."""

    def remaining(self) -> float | None:
        """Seconds until the deadline; None without one."""


class UnknownOutcome(StepError):
    """A request that changes something was sent, and no answer came: it may or may not have been done."""


class Refusal(PermanentError):
    """The service understood the request and says no; asking again gives the same."""

    def __init__(self, message: str, remedy: str, status: int) -> None:
        super().__init__(message, remedy)
        self.status = status


@dataclass(frozen=True)
class Request:
    """One request, before it has credentials."""

    method: Method
    url: str
    headers: Mapping[str, str]
    body: bytes | None
    repeatable: bool
    """Sending it twice does no harm."""

    @property
    def what(self) -> str:
        """The request as messages name it."""
        return f"{self.method} {shown(self.url)}"


Credentials = Callable[["Api", Waiter, Request, Reply | None], Mapping[str, str]]
"""Give the headers that prove who asks. The reply is the 401 before, for schemes that answer a challenge."""


@dataclass(frozen=True)
class Api:
    """A service, and how it is asked."""

    name: str
    """What messages call it."""
    base: str
    credentials: Credentials
    rights: str
    """What the credentials need, for whoever is refused."""
    headers: Mapping[str, str] = field(default_factory=dict)
    masker: Masker = field(default_factory=Masker)
    challenged: bool = False
    """The first 401 is a challenge that `credentials` can answer."""

    def ask(
        self,
        waiter: Waiter,
        method: Method,
        path: str,
        shape: type[_M],
        *,
        body: Json = None,
        query: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
    ) -> _M:
        """Send a request and read the answer as `shape`.

        Only what may be repeated is sent again after a failure; GET may. Raises Refusal for what the service refuses,
        UnknownOutcome where a change may have happened, StepError for anything else, and Cancelled.
        """
        data = None if body is None else json.dumps(body).encode()
        kind = {} if data is None else {"Content-Type": "application/json"}
        url = f"{self.base}{path}{'?' + urlencode(query) if query else ''}"
        known = {**self.headers, **kind, **(headers or {})}
        request = Request(method, url, known, data, method == "GET" if repeatable is None else repeatable)
        return self.read(send(self, waiter, request), request, shape)

    def read(self, reply: Reply, request: Request, shape: type[_M]) -> _M:
        """Read an answer as `shape`.

        Raises StepError where it is no JSON, too long, or of another form.
        """
        if reply.size_bytes > KEPT_BYTES:
            raise self._odd(request, f"with {reply.size_bytes:,} bytes: too many")
        try:
            found: Json = json.loads(reply.start) if reply.start else {}
        except (ValueError, RecursionError):
            raise self._odd(request, "with something that is no JSON") from None
        return self.shaped(found, request, shape)

    def shaped(self, value: object, request: Request, shape: type[_M]) -> _M:
        """Read a part of an answer as `shape`.

        Raises StepError where it is of another form.
        """
        try:
            return shape.model_validate(value)
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()[:3])
            raise self._odd(request, f"in a form that drx does not know: {wrong}") from None

    def _odd(self, request: Request, how: str) -> StepError:
        """Say that an answer makes no sense; what it should have changed may have been done all the same."""
        message = f"{self.name} answered {request.what} {how}"
        return StepError(message, _LOOK) if request.repeatable else UnknownOutcome(message, _AGAIN)


def send(api: Api, waiter: Waiter, request: Request) -> Reply:
    """Send a request until it is answered well, refused, or there is no time left."""
    tries, challenge = 0, None
    while True:
        tries += 1
        last = tries >= _TRIES
        proof = api.credentials(api, waiter, request, challenge)
        try:
            reply = _once(api, waiter, request, proof)
        except Cancelled:
            raise
        except StepError as error:
            if not request.repeatable:
                raise UnknownOutcome(f"{error.message}: {request.what} may have been done or not", _AGAIN) from None
            if last or not _pause(waiter, _FIRST_PAUSE * 2 ** (tries - 1)):
                raise
            challenge = None
            continue
        if 200 <= reply.status < 300:
            return reply
        if reply.status == 401 and api.challenged and challenge is None:
            challenge, tries = reply, tries - 1
            continue
        failure = explain(api, request, reply)
        wait = _wanted_pause(reply, _FIRST_PAUSE * 2 ** (tries - 1))
        if last or wait is None or not (_is_limit(reply) or request.repeatable) or not _pause(waiter, wait):
            raise failure
        challenge = None


def _once(api: Api, waiter: Waiter, request: Request, proof: Mapping[str, str]) -> Reply:
    waiter.check()
    left = waiter.remaining()
    seconds = _ONE_REQUEST_SECONDS if left is None else max(min(_ONE_REQUEST_SECONDS, left), 0.1)
    exchange = Exchange(request.method, request.url, {**request.headers, **proof}, request.body, seconds, redirects=0)
    try:
        return call_blocking(waiter, exchange.run, exchange.stop, seconds)
    except TimeoutError:
        raise StepError(f"{api.name} did not answer within {seconds:g}s", _LOOK) from None


def explain(api: Api, request: Request, reply: Reply) -> StepError:
    """Say in words what an answer that is not good means."""
    said = api.masker.mask(_detail(reply))
    detail = f": {said}" if said else ""
    message = f"{api.name} answered {request.what} with {reply.status} {reply.reason}{detail}"
    if _is_limit(reply):
        return StepError(message, "It wants fewer requests: wait, then run the step again")
    match reply.status:
        case 401:
            return Refusal(message, "Check that the credentials are right and not expired", 401)
        case 403:
            return Refusal(
                message, f"The credentials need {api.rights}; an access list may also shut this address out", 403
            )
        case 404:
            return Refusal(message, f"Correct the names in drx.yaml, or give the credentials {api.rights}", 404)
        case 409 | 423:
            return StepError(message, "Something else is going on there: wait until it has ended")
        case status if status >= 500 and not request.repeatable:
            return UnknownOutcome(message, _AGAIN)
        case status if status >= 500:
            return StepError(message, f"Look at the status page of {api.name}, then run the step again")
        case status if 300 <= status < 400:
            return Refusal(message, "It moved: correct the name or `api` in drx.yaml", status)
        case status:
            return Refusal(message, "Correct what the step asks for", status)


_LOOK = "Look whether `api` in drx.yaml is right and the service is well"
_AGAIN = "Look at the service whether it was done before you run the step again"


def _is_limit(reply: Reply) -> bool:
    """Whether it only asks for patience: GitHub says 403 for that too."""
    exhausted = reply.status == 403 and (
        "retry-after" in reply.headers or reply.headers.get("x-ratelimit-remaining") == "0"
    )
    return reply.status == 429 or exhausted


def _wanted_pause(reply: Reply, own: float) -> float | None:
    """Seconds to wait before the next try; None where trying again is of no use."""
    if not _is_limit(reply) and reply.status not in (500, 502, 503, 504):
        return None
    stated = reply.headers.get("retry-after", "").strip()
    if stated.isdecimal():
        return float(stated[:6])
    if stated:
        try:
            return max(parsedate_to_datetime(stated).timestamp() - time.time(), 0.0)
        except (TypeError, ValueError, OverflowError):
            return own
    reset = reply.headers.get("x-ratelimit-reset", "")
    if _is_limit(reply) and reset.isdecimal() and reply.headers.get("x-ratelimit-remaining") == "0":
        return max(float(reset[:12]) - time.time(), own)
    return own


def _pause(waiter: Waiter, seconds: float) -> bool:
    """Wait, unless that takes longer than the step has."""
    left = waiter.remaining()
    if seconds > (_LONGEST_PAUSE if left is None else min(left, _LONGEST_PAUSE)):
        return False
    waiter.sleep(seconds)
    return True


def _detail(reply: Reply) -> str:
    """Find what a service says of a failure, in the places where the known ones say it."""
    try:
        found = json.loads(reply.start)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(found, dict):
        return ""
    errors = found.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    texts = (found.get("detail"), found.get("message"), found.get("error_description"), first.get("message"))
    text = next((each for each in texts if isinstance(each, str) and each), "")
    return "".join(character for character in text if character.isprintable())[:_SHOWN]


def bearer(token: str) -> Credentials:
    """Prove who asks with a token."""
    proof = {"Authorization": f"Bearer {token}"}
    return lambda *_: proof
