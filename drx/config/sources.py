"""Say where values come from that drx.yaml only refers to: variables, files, a command. Never what they are."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from drx.config.load import REFERENCING, Config, ValuePath, texts
from drx.config.model import Bucket, Settings
from drx.config.strays import is_secret, values
from drx.config.target import PARTS
from drx.config.values import COMMAND, FILE, REFERENCE

Sources = Mapping[str, str]
"""Where a value came from, by its setting: `variable DATABASE_URL` by `environments.production.mongo.uri`."""

_BOTO = "wherever boto3 finds keys"


def sources_of(config: Config, environment: str, parts: Collection[str]) -> Sources:
    """List what a run reads of these parts of an environment; nothing for a sandbox."""
    settings = config.settings.environments[environment]
    if settings.sandbox:
        return {}
    found = _named(config, (each for path in _paths(environment, parts) for each in _below(config, path)))
    return found | dict.fromkeys(_keyless(config.settings, environment, parts), _BOTO)


def sources_beside(config: Config) -> Sources:
    """List what is read for what goes along with a run: the copy of its record, messages, dead man's switches."""
    parts: tuple[ValuePath, ...] = (("records",), ("notify",), ("schedules",))
    found = _named(config, (each for part in parts for each in _below(config, part)))
    bucket = config.settings.records.s3 if config.settings.records else None
    return found | ({"records.s3": _BOTO} if bucket and bucket.access_key_id is None else {})


def sources_to_hide(config: Config, environ: Mapping[str, str]) -> Sources:
    """List the secrets of drx.yaml, of whatever environment, that can be read, and are, so that they can be hidden."""
    every = (each for part in REFERENCING for each in _below(config, (part,)) if is_secret(each[0]))
    return _named(config, (each for each in every if any(values(each[1], each[0], config, environ))))


def _paths(environment: str, parts: Collection[str]) -> Iterator[ValuePath]:
    for part in PARTS:
        if part == "store" and part in parts:
            yield ("backups",)
        elif part == "resolver" and part in parts:
            yield from (("environments", environment, "dns", name) for name in ("resolver", "records"))
        elif part in parts:
            yield ("environments", environment, part)


def _below(config: Config, path: ValuePath) -> Iterator[tuple[ValuePath, str]]:
    value: object = config.document.data
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    return texts(value, path)


def _named(config: Config, found: Iterable[tuple[ValuePath, str]]) -> dict[str, str]:
    named = ((".".join(map(str, path)), _source(config, text)) for path, text in found)
    return {setting: source for setting, source in named if source}


def _source(config: Config, text: str) -> str:
    if text.startswith(FILE):
        return f"file {text.removeprefix(FILE)}"
    if text.startswith(COMMAND):
        program = (config.settings.secret_command or ("secret_command",))[0]
        return f"secret {text.removeprefix(COMMAND)}, by {program}"
    names = dict.fromkeys(REFERENCE.findall(text))
    return ", ".join(f"variable {name}" for name in names)


def _keyless(settings: Settings, environment: str, parts: Collection[str]) -> Iterator[str]:
    """Name the buckets for which drx.yaml states no keys."""
    buckets: dict[str, Bucket | None] = {}
    if "uploads" in parts:
        buckets[f"environments.{environment}.uploads"] = settings.environments[environment].uploads
    if settings.backups is not None and "store" in parts:
        buckets["backups.primary.s3"] = settings.backups.primary.s3
        buckets |= {f"backups.copies.{number}.s3": copy.s3 for number, copy in enumerate(settings.backups.copies)}
    return (name for name, bucket in buckets.items() if bucket is not None and bucket.access_key_id is None)
