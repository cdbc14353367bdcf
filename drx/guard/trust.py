"""Keep which servers belong to which environment, in drx.trust.yaml. Judges nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import Field

from drx.errors import InvalidInput
from drx.fields import Identifier, Model, Text
from drx.files import write_atomically
from drx.guard.identity import Identity, Kind
from drx.yaml_source import InvalidDocument, read_document, read_model
from drx.yaml_source.document import MAX_BYTES

FILE_NAME = "drx.trust.yaml"
_HEADER = """\
# The servers of each environment, as they identified themselves when a person trusted them.
# Written by `drx trust ENVIRONMENT`. Commit it; to forget an environment, remove its lines.
"""


@dataclass(frozen=True)
class Trust:
    """The marks of the servers that belong to each environment."""

    environments: Mapping[str, Mapping[Kind, tuple[str, ...]]] = field(default_factory=dict)

    def marks(self, environment: str, kind: Kind) -> tuple[str, ...]:
        """Give the marks of an environment's server; none where nobody trusted it yet."""
        return self.environments.get(environment, {}).get(kind, ())

    def owner(self, identity: Identity, environments: frozenset[str]) -> str | None:
        """Name the one of these environments that the server belongs to, if any."""
        belongs = (name for name in sorted(environments) if identity.is_one_of(self.marks(name, identity.kind)))
        return next(belongs, None)

    def with_identities(self, environment: str, identities: tuple[Identity, ...]) -> "Trust":
        """Give the same trust, with these servers as the environment's own."""
        known = dict(self.environments.get(environment, {}))
        return Trust({**self.environments, environment: known | {each.kind: each.marks for each in identities}})


class _Entry(Model):
    """The servers of one environment."""

    mongo: tuple[Text, ...] = ()
    """Marks of the MongoDB server."""
    uploads: tuple[Text, ...] = ()
    """Marks of the bucket."""
    atlas: tuple[Text, ...] = ()
    """Marks of the cluster at Atlas, and of those that may be restored into."""
    host: tuple[Text, ...] = ()
    """Marks of the application at its provider."""
    dns: tuple[Text, ...] = ()
    """Marks of the names that may be changed, with their zone."""


class _File(Model):
    """drx.trust.yaml."""

    environments: dict[Identifier, _Entry] = Field(default_factory=dict)
    """Servers by environment."""


def read_trust(directory: Path) -> Trust:
    """Read drx.trust.yaml beside drx.yaml; without one, nothing is trusted.

    Raises InvalidDocument with every problem, InvalidInput where it cannot be read.
    """
    path = directory / FILE_NAME
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return Trust()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}", "Let the user who runs drx read it") from None
    document, problems = read_document(data, str(path))
    if document is None:
        raise InvalidDocument(problems)
    file, problems = read_model(document, _File)
    if file is None:
        raise InvalidDocument(problems)
    return Trust(
        {
            name: {
                "mongo": each.mongo,
                "uploads": each.uploads,
                "atlas": each.atlas,
                "host": each.host,
                "dns": each.dns,
            }
            for name, each in file.environments.items()
        }
    )


def write_trust(directory: Path, trust: Trust) -> Path:
    """Replace drx.trust.yaml, and give its path."""
    import yaml

    environments = {
        name: {kind: list(marks) for kind, marks in sorted(entry.items()) if marks}
        for name, entry in sorted(trust.environments.items())
    }
    text = yaml.safe_dump({"environments": environments}, sort_keys=False, allow_unicode=True, width=120)
    path = directory / FILE_NAME
    write_atomically(path, (_HEADER + text).encode(), mode=0o644)
    return path
