"""Find secrets in parameters where others can read them, and references that only drx.yaml knows. Resolves nothing."""

import re
from collections.abc import Mapping

from drx.config.load import texts
from drx.config.values import REFERENCE
from drx.runbook.check.review import Place, Review
from drx.runbook.expressions import ExpressionError, names_in
from drx.secrets import secrets_of

_FOR_PROGRAMS = frozenset({"command", "stdin"})
"""Parameters in which a shell may read `${NAME}` itself."""
_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^\s'\"]+")
_FILLED_IN = re.compile(r"\{\{.*?\}\}|\$\{[^}]*\}|\$\w+", re.DOTALL)
"""What is not written out: expressions, and variables of a shell."""
_IN_CONFIG = "Let drx.yaml hold it as ${NAME} or file:PATH, and refer to it here, such as {{ target.mongo.uri }}"


def check_secrets(review: Review, parameters: Mapping[str, object], place: Place) -> None:
    """Check all texts among the parameters that stand at a place."""
    for path, text in texts(parameters, place):
        keys = [key for key in path[len(place) :] if isinstance(key, str)]
        if _holds_password(text):
            review.error(path, "a password stands in a URL", _IN_CONFIG)
        if not _FOR_PROGRAMS.intersection(keys):
            _check_references(review, path, text)
        if "command" in keys or any(key.endswith("url") for key in keys):
            _check_exposed(review, path, text, "an argument list" if "command" in keys else "a URL")


def _holds_password(text: str) -> bool:
    return any(len(secrets_of(url)) > 1 for url in _URL.findall(_FILLED_IN.sub("", text)))


def _check_references(review: Review, path: Place, text: str) -> None:
    for name in dict.fromkeys(REFERENCE.findall(text)):
        message = f"${{{name}}} is taken literally here: variables are read in drx.yaml only"
        review.error(path, message, f"{_IN_CONFIG}; commands of shell.run find variables in their environment")


def _check_exposed(review: Review, path: Place, text: str, where: str) -> None:
    """Refuse secrets where every process on the machine, or every log on the way, can read them."""
    for chain in _readable_names(text):
        name = ".".join(chain)
        if review.surroundings.is_secret(name):
            remedy = "Pass it by `env`, `stdin` or a header instead"
            review.error(path, f"the secret {name} would stand in {where}, for others to read", remedy)


def _readable_names(text: str) -> list[tuple[str, ...]]:
    try:
        return names_in(text)
    except ExpressionError:
        return []
