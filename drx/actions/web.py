"""One HTTP exchange, bounded in memory and redirects. Speaks only http and https; uses no proxy."""

import hashlib
import http.client
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from drx.errors import StepError

_CHUNK = 1 << 16
KEPT_BYTES = 1 << 20
"""How much of a body is kept for looking at; all of it is counted and hashed."""
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Reply:
    """What a server answered."""

    url: str
    """Where it was found, after redirects."""
    status: int
    reason: str
    size_bytes: int
    sha256: str
    start: bytes
    """The first KEPT_BYTES of the body."""
    headers: Mapping[str, str]
    """Names in small letters."""

    @property
    def content_type(self) -> str:
        """What kind of body it says it is."""
        return self.headers.get("content-type", "")


@dataclass
class Exchange:
    """A request that can be broken off from another thread."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None
    seconds: float
    redirects: int
    look_up: Callable[[str], str] = str
    """Give the address to connect to for a host's name; as it stands, the system looks it up."""
    _connection: http.client.HTTPConnection | None = field(default=None, init=False)
    _stopped: bool = field(default=False, init=False)

    def stop(self) -> None:
        """Break off: what is being read fails at once."""
        self._stopped = True
        sock = self._connection.sock if self._connection else None
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # it was over already

    def run(self) -> Reply:
        """Ask, follow redirects, and read the whole answer.

        Raises StepError when there is no whole answer. A server that dribbles is the caller's to break off.
        """
        url, headers = self.url, dict(self.headers)
        for _ in range(self.redirects + 1):
            reply, location = self._ask(url, headers)
            if location is None:
                return reply
            following = urljoin(url, location)
            if _origin(urlsplit(url)) != _origin(parse_url(following)):
                headers = {}  # they may hold secrets, which are for the first server only
            if url.startswith("https:") and not following.startswith("https:"):
                raise StepError(f"{shown(url)} redirects to an address without TLS", "Give the address it should have")
            url = following
        raise StepError(f"{shown(self.url)} redirects more than {self.redirects} times", "Give the final address")

    def _ask(self, url: str, headers: Mapping[str, str]) -> tuple[Reply, str | None]:
        parts = parse_url(url)
        try:
            self._connection = connection = _Connection(parts, self.look_up, self.seconds)
            try:
                connection.connect()
                if self._stopped:
                    raise OSError("it was broken off")
                connection.request(self.method, _path(parts), self.body, {"User-Agent": "drx", **headers})
                response = connection.getresponse()
                location = response.getheader("Location") if response.status in _REDIRECTS else None
                follow = location if self.redirects and self.method in ("GET", "HEAD") else None
                return _read(response, url), follow
            finally:
                connection.close()
        except ssl.SSLCertVerificationError as error:
            raise StepError(f"{shown(url)} has no valid certificate: {error.verify_message}", _TRUST) from None
        except TimeoutError:
            raise StepError(f"{shown(url)} did not answer within {self.seconds:g}s", LOOK) from None
        except (ValueError, http.client.InvalidURL):
            raise StepError(f"the request to {shown(url)} holds characters that HTTP does not allow", _WRITE) from None
        except http.client.HTTPException as error:
            raise StepError(f"{shown(url)} did not answer in HTTP: {_kind(error)}", LOOK) from None
        except OSError as error:
            raise StepError(f"{shown(url)} cannot be reached: {error.strerror or error}", LOOK) from None


LOOK = "Check that it runs and that the address is right"
_WRITE = "Look for line breaks and control characters in its headers and address"
_TRUST = "Correct the certificate, or name its authority in SSL_CERT_FILE"


def parse_url(url: str) -> SplitResult:
    """Take an address apart.

    Raises StepError for one that is not http or https, or holds a password.
    """
    try:
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname or parts.port == 0:
            raise ValueError
    except ValueError:
        raise StepError(f"'{shown(url)}' is not an address", "Write it like https://host/path") from None
    if "@" in parts.netloc:
        raise StepError(f"{shown(url)} holds a user name or password", "Give an Authorization header instead")
    return parts


def shown(url: str) -> str:
    """An address as a message may hold it: no user, no query, where tokens are."""
    scheme, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    text = f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}".partition("?")[0]
    return "".join(character for character in text if character.isprintable())[:200]


def _origin(parts: SplitResult) -> tuple[str, str | None, int]:
    return parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme]


def _path(parts: SplitResult) -> str:
    query = f"?{parts.query}" if parts.query else ""
    return quote(f"{parts.path or '/'}{query}", safe="/%:?@!$&'()*+,;=~-._[]")


class _Connection(http.client.HTTPConnection):
    """A connection that asks for a host by its name, at the address where that name leads."""

    def __init__(self, parts: SplitResult, look_up: Callable[[str], str], seconds: float) -> None:
        self.default_port = _PORTS[parts.scheme]
        super().__init__(parts.hostname or "", parts.port, timeout=seconds)
        self._look_up = look_up
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None

    def connect(self) -> None:
        """Look the name up, connect, and hold the certificate against the name."""
        sock = socket.create_connection((self._look_up(self.host), self.port), self.timeout)
        self.sock = self._tls.wrap_socket(sock, server_hostname=self.host) if self._tls else sock


def _read(response: http.client.HTTPResponse, url: str) -> Reply:
    digest, start, size = hashlib.sha256(), b"", 0
    while data := response.read1(_CHUNK):
        digest.update(data)
        size += len(data)
        if len(start) < KEPT_BYTES:
            start += data[: KEPT_BYTES - len(start)]
    if response.length:
        raise http.client.IncompleteRead(b"", response.length)
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Reply(url, response.status, response.reason, size, digest.hexdigest(), start, headers)


def _kind(error: http.client.HTTPException) -> str:
    if isinstance(error, http.client.RemoteDisconnected):
        return "it closed the connection"
    if isinstance(error, http.client.IncompleteRead):
        return "the answer is cut off"
    return f"the answer is garbled ({type(error).__name__})"
