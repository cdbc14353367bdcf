"""Keep which servers belong to which environment, in drx.trust.yaml. Judges nothing."""

import hashlib
import json
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
# Written by `drx trust ENVIRONMENT`. Commit it; to forget an environment, remove its lines. Lines that were edited, or
# given to another environment, are not believed.
"""


@dataclass(frozen=True)
class Trust:
    """The marks of the servers that belong to each environment."""

    environments: Mapping[str, Mapping[Kind, tuple[str, ...]]] = field(default_factory=dict)
    protected: frozenset[str] = frozenset()
    """Environments that drx.yaml protected when they were trusted."""
    edited: frozenset[str] = frozenset()
    """Environments whose entry is not as `drx trust` wrote it."""

    def marks(self, environment: str, kind: Kind) -> tuple[str, ...]:
        """Give the marks of an environment's server; none where nobody trusted it yet."""
        return self.environments.get(environment, {}).get(kind, ())

    def owner(self, identity: Identity, environments: frozenset[str]) -> str | None:
        """Name the one of these environments that the server belongs to, if any."""
        belongs = (name for name in sorted(environments) if identity.is_found_in(self.marks(name, identity.kind)))
        return next(belongs, None)

    def with_identities(
        self, environment: str, identities: tuple[Identity, ...], *, protected: bool = False
    ) -> "Trust":
        """Give the same trust, with these servers as the environment's own; of an edited entry nothing is kept."""
        known = {} if environment in self.edited else dict(self.environments.get(environment, {}))
        others = self.protected - {environment}
        return Trust(
            {**self.environments, environment: known | {each.kind: each.marks for each in identities}},
            others | {environment} if protected else others,
            self.edited - {environment},
        )


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
    protected: bool = False
    """Whether drx.yaml protected it when it was trusted."""
    sum: Text = ""
    """What `drx trust` summed the entry up to."""

    def marks(self) -> dict[Kind, tuple[str, ...]]:
        """The marks by kind."""
        return {"mongo": self.mongo, "uploads": self.uploads, "atlas": self.atlas, "host": self.host, "dns": self.dns}


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
    entries = file.environments
    return Trust(
        {name: each.marks() for name, each in entries.items()},
        frozenset(name for name, each in entries.items() if each.protected),
        frozenset(name for name, each in entries.items() if each.sum != _sum(name, each.marks(), each.protected)),
    )


def write_trust(directory: Path, trust: Trust) -> Path:
    """Replace drx.trust.yaml, and give its path."""
    import yaml

    environments = {name: _entry(trust, name) for name in sorted(trust.environments)}
    text = yaml.safe_dump({"environments": environments}, sort_keys=False, allow_unicode=True, width=120)
    path = directory / FILE_NAME
    write_atomically(path, (_HEADER + text).encode(), mode=0o644)
    return path


def _entry(trust: Trust, environment: str) -> dict[str, object]:
    """What stands in the file for one environment; one that was edited stays as unbelieved as it is."""
    marks = trust.environments[environment]
    protected = environment in trust.protected
    entry: dict[str, object] = {kind: list(found) for kind, found in sorted(marks.items()) if found}
    if protected:
        entry["protected"] = True
    if environment not in trust.edited:
        entry["sum"] = _sum(environment, marks, protected)
    return entry


def _sum(environment: str, marks: Mapping[Kind, tuple[str, ...]], protected: bool) -> str:
    """Sum up an entry, so that a slip of the hand or of a merge is noticed; it is no signature."""
    stated = [environment, protected, sorted((kind, list(found)) for kind, found in marks.items() if found)]
    return f"sha256:{hashlib.sha256(json.dumps(stated).encode()).hexdigest()[:16]}"
