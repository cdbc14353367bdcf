"""MongoDB Atlas, Administration API v2: clusters, snapshots, restore jobs. Starts nothing by itself.

Requests and answers: https://www.mongodb.com/docs/api/doc/atlas-admin-api-v2/ . The version of each answer is asked for
by date in the Accept header.
"""

from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from typing import Literal
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import AbstractDigestAuthHandler, HTTPPasswordMgrWithDefaultRealm, parse_http_list, parse_keqv_list
from urllib.request import Request as Signed

from pydantic import AwareDatetime, Field

from drx.actions.providers.api import Answer, Api, Credentials, Refusal, Request, Waiter, send
from drx.actions.web import Reply
from drx.config import AtlasTarget
from drx.secrets import Masker
from drx.values import Json

_JSON = "application/vnd.atlas.2023-01-01+json"
"""Version of backups."""
_CLUSTER_JSON = "application/vnd.atlas.2024-08-05+json"
_PAGE = 500


class ConnectionStrings(Answer):
    """Where a cluster can be reached; without users and passwords."""

    srv: str | None = Field(default=None, alias="standardSrv")


class Cluster(Answer):
    """A cluster."""

    id: str = Field(min_length=1)
    name: str
    state: str = Field(alias="stateName")
    addresses: ConnectionStrings = Field(default=ConnectionStrings(), alias="connectionStrings")
    backed_up: bool = Field(default=False, alias="backupEnabled")
    continuously: bool = Field(default=False, alias="pitEnabled")
    """Whether it can be restored to a second, and not to a snapshot alone."""


class Snapshot(Answer):
    """A snapshot, of a replica set or of a sharded cluster."""

    id: str
    status: Literal["queued", "inProgress", "completed", "failed"]
    created_at: AwareDatetime | None = Field(default=None, alias="createdAt")
    expires_at: AwareDatetime | None = Field(default=None, alias="expiresAt")
    kind: str = Field(default="", alias="snapshotType")
    size_bytes: int | None = Field(default=None, alias="storageSizeBytes")


class _Snapshots(Answer):
    results: tuple[Snapshot, ...]


class _Schedule(Answer):
    window_days: int = Field(alias="restoreWindowDays", ge=1, le=36_500)


class RestoreJob(Answer):
    """A restore job. It has no status: how it stands follows from which of these are set."""

    id: str
    finished_at: AwareDatetime | None = Field(default=None, alias="finishedAt")
    failed: bool = False
    cancelled: bool = False
    expired: bool = False
    delivery_url: tuple[str, ...] = Field(default=(), alias="deliveryUrl")
    snapshot_id: str | None = Field(default=None, alias="snapshotId")

    @property
    def failure(self) -> str:
        """How it ended, where it did not succeed."""
        ends = (("failed", self.failed), ("was cancelled", self.cancelled), ("expired", self.expired))
        return next((text for text, true in ends if true), "")

    def is_ready(self, download: bool) -> bool:
        """Whether it has succeeded; a download is ready as soon as it can be fetched."""
        return not self.failure and (bool(self.delivery_url) if download else self.finished_at is not None)


class _Token(Answer):
    access_token: str = Field(min_length=1)


class AtlasClient:
    """Asks about one project's clusters, with the environment's credentials."""

    def __init__(self, target: AtlasTarget, waiter: Waiter) -> None:
        self.target = target
        self._waiter = waiter
        rights = "the role Project Backup Manager in the project"
        masker = Masker([target.secret])
        credentials = _service_account(target) if target.service_account else _digest(target)
        accept = {"Accept": _JSON}
        self._api = Api("Atlas", target.api, credentials, rights, accept, masker, challenged=True)

    def cluster(self, name: str, project: str | None = None) -> Cluster:
        """Look up a cluster by its name."""
        path = self._path(name, project)
        return self._api.ask(self._waiter, "GET", path, Cluster, headers={"Accept": _CLUSTER_JSON})

    def snapshots(self) -> tuple[Snapshot, ...]:
        """List the snapshots of the environment's cluster, the newest 500."""
        query: Mapping[str, str | int] = {"itemsPerPage": _PAGE, "pageNum": 1}
        return self._api.ask(self._waiter, "GET", self._backup("snapshots"), _Snapshots, query=query).results

    def window_days(self) -> int:
        """Tell for how many days back the environment's cluster can be restored to a second."""
        return self._api.ask(self._waiter, "GET", self._backup("schedule"), _Schedule).window_days

    def snapshot(self, identifier: str) -> Snapshot:
        """Look up one snapshot."""
        return self._api.ask(self._waiter, "GET", self._backup("snapshots", identifier), Snapshot)

    def take_snapshot(self, description: str, keep_days: int) -> Snapshot:
        """Ask for a snapshot now."""
        body: Json = {"description": description, "retentionInDays": keep_days}
        return self._api.ask(self._waiter, "POST", self._backup("snapshots"), Snapshot, body=body)

    def restore(self, body: dict[str, Json]) -> RestoreJob:
        """Start a restore job."""
        return self._api.ask(self._waiter, "POST", self._backup("restoreJobs"), RestoreJob, body=body)

    def job(self, identifier: str) -> RestoreJob:
        """Look up a restore job."""
        return self._api.ask(self._waiter, "GET", self._backup("restoreJobs", identifier), RestoreJob)

    def _path(self, cluster: str, project: str | None = None) -> str:
        group = quote(project or self.target.project, safe="")
        return f"/api/atlas/v2/groups/{group}/clusters/{quote(cluster, safe='')}"

    def _backup(self, *parts: str) -> str:
        return "/".join((self._path(self.target.cluster), "backup", *(quote(part, safe="") for part in parts)))


def _service_account(target: AtlasTarget) -> Credentials:
    """Trade id and secret for a token, which holds for an hour, and again when it is refused (OAuth 2.0)."""
    pair = b64encode(f"{target.identifier}:{target.secret.reveal()}".encode()).decode()
    known: dict[str, str] = {}

    def prove(api: Api, waiter: Waiter, _: Request, challenge: Reply | None) -> Mapping[str, str]:
        if challenge is not None or not known:
            headers = {
                "Authorization": f"Basic {pair}",
                "Accept": "application/json",
                "Content-Type": "application/x-www-form-urlencoded",
            }
            request = Request(
                "POST", f"{api.base}/api/oauth/token", headers, b"grant_type=client_credentials", repeatable=True
            )
            plain = Api(api.name, api.base, lambda *_: {}, api.rights, masker=api.masker)
            known["token"] = api.read(send(plain, waiter, request), request, _Token).access_token
            api.masker.add(known["token"])
        return {"Authorization": f"Bearer {known['token']}"}

    return prove


def _digest(target: AtlasTarget) -> Credentials:
    """Answer the challenge of a 401 (RFC 7616), by the standard library's own arithmetic."""
    passwords = HTTPPasswordMgrWithDefaultRealm()
    passwords.add_password(None, target.api, target.identifier, target.secret.reveal())
    handler = AbstractDigestAuthHandler(passwords)

    def prove(_: Api, __: Waiter, request: Request, challenge: Reply | None) -> Mapping[str, str]:
        if challenge is None:
            return {}
        scheme, _space, rest = challenge.headers.get("www-authenticate", "").partition(" ")
        signed = Signed(request.url, request.body, method=request.method)
        answer = None
        if scheme.lower() == "digest":
            with suppress(ValueError, URLError):  # an algorithm or a protection that it does not know
                answer = handler.get_authorization(signed, parse_keqv_list(parse_http_list(rest)))
        if not answer:
            raise Refusal("Atlas refuses the API key: it asks for another kind of proof", "Use a service account", 401)
        return {"Authorization": f"Digest {answer}"}

    return prove
