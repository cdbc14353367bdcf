"""A JSON service on loopback that answers as a test says, and keeps what it was asked."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.web import web_server


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    """Names in small letters."""
    body: Any
    raw: bytes


@dataclass(frozen=True)
class Said:
    """An answer: `raw` instead of JSON, `delay` before it, or `drip`: a byte each tenth of a second; or `cut` it."""

    status: int = 200
    value: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    drip: bool = False
    cut: bool = False


Route = Callable[[Asked], Said]


@dataclass
class Service:
    """Where it answers, what was asked; routes by `METHOD /path`, each a list of answers of which the last stays."""

    url: str = ""
    routes: dict[str, list[Said] | Route] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def calls(self, route: str) -> list[Asked]:
        """What was asked of one route."""
        return [each for each in self.asked if f"{each.method} {each.path.partition('?')[0]}" == route]

    def answer(self, asked: Asked) -> Said:
        """Find the answer."""
        self.asked.append(asked)
        route = self.routes.get(f"{asked.method} {asked.path.partition('?')[0]}")
        if route is None:
            return Said(404, {"detail": "nothing here", "message": "Not Found"})
        if callable(route):
            return route(asked)
        return route.pop(0) if len(route) > 1 else route[0]


@contextmanager
def serving() -> Iterator[Service]:
    """Run a service."""
    service = Service()

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            is_json = (self.headers.get("Content-Type") or "").startswith("application/json")
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, headers, json.loads(raw) if raw and is_json else None, raw)
            self._say(service.answer(asked))

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _any

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

        def _say(self, said: Said) -> None:
            if said.cut:
                return
            body = json.dumps(said.value).encode() if said.raw is None else said.raw
            body = b"" if said.status == 204 else body
            self.send_response(said.status)
            for name, value in {"Content-Length": str(len(body)), **said.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                if not said.drip:
                    self.wfile.write(body)
                for index in range(len(body) if said.drip else 0):
                    self.wfile.write(body[index : index + 1])
                    time.sleep(0.1)
            except OSError:
                return  # whoever asked has gone

    with web_server(Handler) as service.url:
        yield service
