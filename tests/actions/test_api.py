"""The JSON client of all providers, against a service that misbehaves in every way it can."""

import threading
import time
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from drx.actions.providers.api import Answer, Api, Method, Refusal, UnknownOutcome, bearer
from drx.errors import Cancelled, StepError
from drx.secrets import Masker
from tests.actions.context import FakeContext
from tests.actions.service import Said, Service

pytestmark = pytest.mark.usefixtures("no_pause")
TOKEN = "token-that-nobody-may-see"


class Thing(Answer):
    name: str


GOOD = Said(value={"name": "shop", "unknown": [1]})


def ask(service: Service, context: FakeContext, method: Method = "GET") -> Thing:
    """Ask for a thing."""
    api = Api("Service", service.url, bearer(TOKEN), "the right to ask", masker=Masker([TOKEN]))
    return api.ask(context, method, "/thing", Thing, body={"a": 1} if method == "POST" else None)


def test_an_answer_is_read_and_the_token_was_sent(service: Service, context: FakeContext) -> None:
    service.routes["GET /thing"] = [GOOD]
    assert ask(service, context).name == "shop"
    assert service.asked[0].headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_reads_are_tried_again(service: Service, context: FakeContext, status: int) -> None:
    service.routes["GET /thing"] = [Said(status), Said(status), GOOD]
    assert ask(service, context).name == "shop"
    assert len(service.asked) == 3


def test_a_service_that_stays_broken_is_left_after_five_tries(service: Service, context: FakeContext) -> None:
    service.routes["GET /thing"] = [Said(503)]
    with pytest.raises(StepError, match=r"answered GET http://127\.0\.0\.1.*/thing with 503") as caught:
        ask(service, context)
    assert "status page" in caught.value.remedy
    assert len(service.asked) == 5


@pytest.mark.parametrize("broken", [Said(500), Said(502), Said(cut=True), Said(raw=b"<html>"), Said(value={})])
def test_a_change_is_never_sent_twice_on_its_own(service: Service, context: FakeContext, broken: Said) -> None:
    service.routes["POST /thing"] = [broken, GOOD]
    with pytest.raises(UnknownOutcome) as caught:
        ask(service, context, "POST")
    assert "whether it was done" in caught.value.remedy
    assert len(service.asked) == 1


def _in_no_time() -> str:
    return format_datetime(datetime.now(UTC), usegmt=True)


@pytest.mark.parametrize(
    "limited",
    [
        Said(429, {}, {"Retry-After": "0"}),
        Said(429, {}, {"Retry-After": _in_no_time()}),
        Said(429, {}, {"Retry-After": "soon"}),
        Said(429),
        Said(403, {"message": "API rate limit exceeded"}, {"Retry-After": "0"}),
        Said(403, {}, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_limit_is_waited_out_even_by_changes(
    service: Service, context: FakeContext, limited: Said, method: Method
) -> None:
    service.routes[f"{method} /thing"] = [limited, GOOD]
    assert ask(service, context, method).name == "shop"
    assert len(service.asked) == 2


def test_a_wait_longer_than_the_step_has_is_not_begun(service: Service, context: FakeContext) -> None:
    context.seconds = 20
    service.routes["GET /thing"] = [Said(429, {}, {"Retry-After": "30"}), GOOD]
    with pytest.raises(StepError, match="429 Too Many Requests") as caught:
        ask(service, context)
    assert "fewer requests" in caught.value.remedy
    assert len(service.asked) == 1


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (400, "what the step asks for"),
        (401, "right and not expired"),
        (403, "need the right to ask"),
        (404, "Correct the names"),
        (422, "what the step asks for"),
    ],
)
def test_a_refusal_is_final_and_says_what_to_do(
    service: Service, context: FakeContext, status: int, remedy: str
) -> None:
    service.routes["GET /thing"] = [Said(status, {"detail": f"bad {TOKEN}\x1b[31m"}), GOOD]
    with pytest.raises(Refusal) as caught:
        ask(service, context)
    assert remedy in caught.value.remedy
    assert "bad ***" in caught.value.message
    assert TOKEN not in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert caught.value.status == status
    assert len(service.asked) == 1


def test_a_conflict_may_be_tried_later(service: Service, context: FakeContext) -> None:
    service.routes["POST /thing"] = [Said(409, {"message": "busy"})]
    with pytest.raises(StepError, match="409 Conflict: busy") as caught:
        ask(service, context, "POST")
    assert not isinstance(caught.value, Refusal)


def test_a_redirect_takes_no_token_elsewhere(service: Service, context: FakeContext) -> None:
    service.routes["GET /thing"] = [Said(301, {}, {"Location": f"{service.url}/other"})]
    with pytest.raises(Refusal, match="301"):
        ask(service, context)
    assert len(service.asked) == 1


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (Said(raw=b"<html>maintenance</html>"), "no JSON"),
        (Said(raw=b'{"name": '), "no JSON"),
        (Said(raw=b"[" * 100_000), "no JSON"),
        (Said(value={"title": "shop"}), "form that drx does not know: name: Field required"),
        (Said(value=[1]), "form that drx does not know"),
        (Said(204), "form that drx does not know"),
        (Said(raw=b'{"name": "' + b"a" * (1 << 20) + b'"}'), "too many"),
    ],
)
def test_what_cannot_be_read_is_a_failure(service: Service, context: FakeContext, said: Said, message: str) -> None:
    service.routes["GET /thing"] = [said]
    with pytest.raises(StepError, match=message):
        ask(service, context)


def test_a_cut_answer_is_asked_for_again(service: Service, context: FakeContext) -> None:
    service.routes["GET /thing"] = [Said(cut=True), Said(raw=b"{}", headers={"Content-Length": "9"}), GOOD]
    assert ask(service, context).name == "shop"


@pytest.mark.parametrize("slow", [Said(value={"name": "a" * 100}, drip=True), Said(429, {}, {"Retry-After": "60"})])
def test_a_stop_is_obeyed_at_once(service: Service, context: FakeContext, slow: Said) -> None:
    service.routes["GET /thing"] = [slow]
    timer = threading.Timer(0.2, context.cancel)
    timer.start()
    began = time.monotonic()
    with pytest.raises(Cancelled):
        ask(service, context)
    assert time.monotonic() - began < 5, "the answer would have taken ten seconds or more"


def test_nobody_there_is_said(context: FakeContext) -> None:
    with pytest.raises(StepError, match="cannot be reached"):
        ask(Service("http://127.0.0.1:9"), context)
