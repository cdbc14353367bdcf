"""Ask Railway's public GraphQL API. https://docs.railway.com/integrations/api. Knows no query but those it is given."""

from typing import TypeVar

from pydantic import Field

from drx.actions.providers.api import Answer, Api, Refusal, Request, Waiter, bearer
from drx.config import RailwayTarget
from drx.secrets import Masker
from drx.values import Json

_A = TypeVar("_A", bound=Answer)
_PATH = "/graphql/v2"


class New(Answer):
    """What a mutation made."""

    id: str = Field(min_length=1)


class _Error(Answer):
    message: str = ""


class _Envelope(Answer):
    data: dict[str, object] | None = None
    errors: tuple[_Error, ...] = ()


class RailwayApi:
    """The API, with the credentials of one environment."""

    def __init__(self, target: RailwayTarget, waiter: Waiter) -> None:
        token = target.token.reveal()
        proof = {"Project-Access-Token": token}
        credentials = (lambda *_: proof) if target.is_project_token else bearer(token)
        rights = "a token of this project and environment"
        self._api = Api("Railway", target.api, credentials, rights, masker=Masker([token]))
        self._url = f"{target.api}{_PATH}"
        self._waiter = waiter

    def ask(self, document: str, variables: dict[str, Json], shape: type[_A], *, repeatable: bool = True) -> _A:
        """Send a query or a mutation; Refusal where Railway answers with an error."""
        body: Json = {"query": document, "variables": variables}
        answer = self._api.ask(self._waiter, "POST", _PATH, _Envelope, body=body, repeatable=repeatable)
        if answer.errors:
            said = self._api.masker.mask("; ".join(each.message for each in answer.errors))[:300]
            remedy = "Check the ids in drx.yaml, and that the token is one of this project and environment"
            raise Refusal(f"Railway refuses: {said}", remedy, 200)
        return self._api.shaped(answer.data, Request("POST", self._url, {}, None, repeatable), shape)
