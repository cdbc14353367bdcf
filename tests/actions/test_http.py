"""`http.*` against a server of our own, which counts what it is asked and can misbehave."""

import hashlib
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from drx.config.model import Environment
from drx.errors import Cancelled, StepError
from drx.secrets import Masker
from tests.actions.context import FakeContext, params_of, registered, run
from tests.weather import unvouched
from tests.web import web_server

BODY = b'{"images": 50000}'
SHA256 = hashlib.sha256(BODY).hexdigest()


@dataclass
class Site:
    """A server's address, and what it was asked."""

    url: str
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Site
    other: str = ""

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.site.requests.append((self.command, self.path, dict(self.headers), self.rfile.read(length)))
        path = self.path.partition("?")[0].strip("/")
        self.close_connection = True
        getattr(self, f"_{path}", self._good)()

    do_GET = do_POST = do_HEAD = _answer

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _good(self) -> None:
        self._send(200, BODY, **{"Content-Type": "application/json"})

    def _broken(self) -> None:
        self._send(500, b"no database: secret-token-1234\n")

    def _late(self) -> None:
        good = len(self.site.requests) > 2
        self._send(200 if good else 503, BODY)

    def _slow(self) -> None:
        time.sleep(3)

    def _hesitates(self) -> None:
        time.sleep(0.3)
        self._send(503, BODY)

    def _dribbles(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(40):
            self.wfile.write(b"X-%d: y\r\n" % number)
            time.sleep(0.1)

    def _truncated(self) -> None:
        self._send(200, BODY[:5], **{"Content-Length": str(len(BODY))})

    def _chunks(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n11\r\n" + BODY)

    def _garbage(self) -> None:
        self.wfile.write(bytes(range(256)) * 10 + b"\n")

    def _flood(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 1000 + b"\r\n")

    def _silence(self) -> None:
        """Close without a word."""

    def _moved(self) -> None:
        self._send(302, b"", Location="/good?a=b")

    def _loop(self) -> None:
        self._send(302, b"", Location="/loop")

    def _elsewhere(self) -> None:
        self._send(307, b"", Location=f"{self.other}/good")

    def _script(self) -> None:
        self._send(302, b"", Location="file:///etc/passwd")

    def _large(self) -> None:
        self._send(200, b"x" * 5_000_000 + b"needle")


@pytest.fixture
def sites() -> Iterator[tuple[Site, Site]]:
    class First(_Handler):
        pass

    class Second(_Handler):
        pass

    with web_server(First) as url, web_server(Second) as other:
        First.site, First.other, Second.site = Site(url), other, Site(other)
        yield First.site, Second.site


@pytest.fixture
def site(sites: tuple[Site, Site]) -> Site:
    return sites[0]


def test_a_good_answer_is_described(context: FakeContext, site: Site) -> None:
    result = run("http.check", context, url=f"{site.url}/good?a=1", sha256=SHA256, contains="50000")
    assert result.outputs == {"status": 200, "size_bytes": 17, "sha256": SHA256, "json": {"images": 50000}}
    assert [(method, path) for method, path, _, _ in site.requests] == [("GET", "/good?a=1")]


def test_a_request_carries_method_headers_and_body(context: FakeContext, site: Site) -> None:
    run("http.request", context, url=site.url, method="POST", headers={"X-Name": "drx"}, body="käse")
    ((method, path, headers, body),) = site.requests
    assert (method, path, headers["X-Name"], body) == ("POST", "/", "drx", "käse".encode())


def test_head_has_no_body(context: FakeContext, site: Site) -> None:
    assert run("http.request", context, url=site.url, method="HEAD").outputs["size_bytes"] == 0


@pytest.mark.parametrize(
    ("path", "expected", "words"),
    [
        ("broken", {}, "answered 500 Internal Server Error"),
        ("good", {"status": [404]}, "answered 200 OK, not 404"),
        ("good", {"contains": "cats"}, "answered without the text 'cats'"),
        ("large", {"contains": "needle"}, "answered without the text 'needle'"),
        ("good", {"sha256": "0" * 64}, f"gave 17 bytes with SHA-256 {SHA256}, not 0000"),
        ("slow", {"timeout": "300ms"}, "did not answer within 0.3s"),
        ("dribbles", {"timeout": "500ms"}, "did not answer within 0.5s"),
        ("truncated", {}, "the answer is cut off"),
        ("chunks", {}, "the answer is cut off"),
        ("garbage", {}, "the answer is garbled"),
        ("flood", {}, "the answer is garbled"),
        ("silence", {}, "it closed the connection"),
        ("loop", {}, "redirects more than 5 times"),
        ("script", {}, "is not an address"),
    ],
)
def test_any_other_answer_is_a_failure(
    context: FakeContext, site: Site, path: str, expected: dict[str, object], words: str
) -> None:
    began = time.monotonic()
    with pytest.raises(StepError, match=words):
        run("http.check", context, url=f"{site.url}/{path}", **expected)
    assert time.monotonic() - began < 2.5, "a slow answer takes three seconds and more"


def test_an_expected_status_is_a_success(context: FakeContext, site: Site) -> None:
    assert run("http.check", context, url=f"{site.url}/broken", status=[500, 503]).outputs["status"] == 500


def test_a_redirect_is_followed_and_counted(context: FakeContext, site: Site) -> None:
    assert run("http.check", context, url=f"{site.url}/moved").outputs["sha256"] == SHA256
    assert [path for _, path, _, _ in site.requests] == ["/moved", "/good?a=b"]


def test_a_redirect_can_be_the_answer(context: FakeContext, site: Site) -> None:
    assert run("http.check", context, url=f"{site.url}/moved", redirects=0, status=[302]).outputs["status"] == 302


def test_headers_are_for_the_first_server_only(context: FakeContext, sites: tuple[Site, Site]) -> None:
    first, second = sites
    run("http.check", context, url=f"{first.url}/elsewhere", headers={"Authorization": "Bearer t0ken"})
    assert first.requests[0][2]["Authorization"] == "Bearer t0ken"
    assert "Authorization" not in second.requests[0][2]


def test_what_was_posted_is_not_posted_again(context: FakeContext, site: Site) -> None:
    with pytest.raises(StepError, match="answered 302"):
        run("http.request", context, url=f"{site.url}/moved", method="POST", body="x")
    assert len(site.requests) == 1


def test_known_secrets_stay_hidden(context: FakeContext, site: Site) -> None:
    context.masker = Masker(["secret-token-1234", "hidden-path-77"])
    with pytest.raises(StepError) as raised:
        run("http.check", context, url=f"{site.url}/broken?key=hidden-path-77", headers={"X-Key": "secret-token-1234"})
    assert "no database: ***" in raised.value.lines
    assert "hidden" not in str(raised.value)
    with pytest.raises(StepError) as raised:
        run("http.check", context, url=site.url, headers={"X-Key": "other-secret\nX: y"})
    assert "other-secret" not in str(raised.value)
    assert len(site.requests) == 1


@pytest.mark.parametrize(
    "url",
    ["ftp://x/y", "file:///etc/passwd", "127.0.0.1:80", "http://", "http://h:0/", "http://[::1/", "http://a:b@h/"],
)
def test_only_web_addresses_without_passwords_are_asked(context: FakeContext, url: str) -> None:
    began = time.monotonic()
    with pytest.raises(StepError, match=r"is not an address|holds a user name"):
        run("http.wait", context, url=url, within="1m")
    assert time.monotonic() - began < 30


def test_a_closed_port_and_an_unknown_host_are_named(context: FakeContext) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        with pytest.raises(StepError, match=f"{url} cannot be reached: Connection refused"):
            run("http.check", context, url=url)
    with pytest.raises(StepError, match=r"cannot be reached|did not answer"):
        run("http.check", context, url="http://no-such-host.invalid/", timeout="2s")


def test_tls_certificates_are_verified(context: FakeContext, tmp_path: Path) -> None:
    tls = unvouched(tmp_path)
    with web_server(_Handler, tls) as url, pytest.raises(StepError, match="has no valid certificate: self-signed"):
        run("http.check", context, url=f"{url}/")


def test_waiting_ends_with_the_first_good_answer(context: FakeContext, site: Site) -> None:
    result = run("http.wait", context, url=f"{site.url}/late", within="10s", every="50ms")
    assert result.outputs["requests"] == 3 == len(site.requests)


def test_waiting_gives_up_in_time(context: FakeContext, site: Site) -> None:
    began = time.monotonic()
    with pytest.raises(StepError, match=r"not well within 0\.5s: .*answered 500"):
        run("http.wait", context, url=f"{site.url}/broken", within="500ms", every="100ms")
    assert time.monotonic() - began >= 0.5
    assert 2 <= len(site.requests) <= 6


def test_waiting_goes_on_until_its_time_is_over(context: FakeContext, site: Site) -> None:
    """The pause is longer than the whole time: the first request and the last are all there are."""
    began = time.monotonic()
    with pytest.raises(StepError, match=r"not well within 0\.3s"):
        run("http.wait", context, url=f"{site.url}/broken", within="300ms", every="1s")
    assert time.monotonic() - began >= 0.3
    assert len(site.requests) == 2


def test_an_attempt_that_was_cut_short_does_not_hide_what_is_wrong(context: FakeContext, site: Site) -> None:
    """The second request has too little time left for any answer."""
    with pytest.raises(StepError, match=r"not well within 0\.5s: .*answered 503"):
        run("http.wait", context, url=f"{site.url}/hesitates", within="500ms", every="100ms")
    assert len(site.requests) == 2


def test_one_slow_request_does_not_outlast_the_wait(context: FakeContext, site: Site) -> None:
    began = time.monotonic()
    with pytest.raises(StepError, match="did not answer"):
        run("http.wait", context, url=f"{site.url}/slow", within="400ms", every="100ms")
    assert time.monotonic() - began < 2.5, "the answer would have come after three seconds"


@pytest.mark.parametrize("path", ["slow", "dribbles"])
def test_a_request_is_broken_off_at_once(context: FakeContext, site: Site, path: str) -> None:
    threading.Timer(0.3, context.cancel).start()
    began = time.monotonic()
    with pytest.raises(Cancelled):
        run("http.wait", context, url=f"{site.url}/{path}", within="1m")
    assert time.monotonic() - began < 30


def test_by_hand_asks_the_same(site: Site) -> None:
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    for name, path, code in [("http.wait", "late", 0), ("http.check", "good", 0), ("http.request", "broken", 1)]:
        action = registered(name)
        assert action.by_hand is not None
        more = {"within": "5s", "every": "10ms"} if name == "http.wait" else {}
        params = params_of(name, url=f"{site.url}/{path}", headers={"X-A": "b c"}, contains="50000", **more)
        ended = subprocess.run(
            action.by_hand(params, Environment()), shell=True, capture_output=True, timeout=10, check=False
        )
        assert ended.returncode == code
        assert site.requests[-1][2]["X-A"] == "b c"
