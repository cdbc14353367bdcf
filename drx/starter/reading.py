"""Read what a person types about a new service. Pure; raises ValueError, which says how to write it."""

import re

from drx.starter.answers import REGION, Atlas, Bucket, Directory, Place
from drx.units import parse_duration

_IDENTIFIER = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DATABASE = re.compile(r'[^/\\. "$*<>:|?\x00]{1,63}')
_BUCKET = re.compile(r"(?P<name>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:@(?P<region>[a-z0-9-]+))?")
_SSH = re.compile(r"[^-\s]\S*")
_UNIT = re.compile(r"[A-Za-z0-9:_.\\@][A-Za-z0-9:_.\\@-]*")
_LONGEST_IDENTIFIER = 64
_REFERENCES = ("file:", "secret:")
"""A text in drx.yaml that begins so stands somewhere else."""


def suggest_service(folder: str) -> str:
    """Make a name for the service out of that of its folder."""
    words = re.findall(r"[a-z0-9]+", folder.lower())
    name = "-".join(words).lstrip("0123456789-")[:_LONGEST_IDENTIFIER].rstrip("-")
    return name or "service"


def read_service(text: str) -> str:
    """Read a name that can stand in keys and paths."""
    if not _IDENTIFIER.fullmatch(text) or len(text) > _LONGEST_IDENTIFIER:
        raise ValueError(f"'{text}' is no name for a service. Write it like my-shop: small letters, digits, hyphens")
    return text


def read_span(text: str) -> str:
    """Read a span of time that is longer than nothing; gives it as it was written."""
    if not parse_duration(text):
        raise ValueError(f"'{text}' is no time at all. Write it like 30m or 2h")
    return text.replace(" ", "")


def read_variable(text: str) -> str:
    """Read the name of a variable; never repeats what was typed, for it may be the secret itself."""
    name = text.removeprefix("${").removeprefix("$").removesuffix("}")
    if not _VARIABLE.fullmatch(name):
        raise ValueError("this is no name of a variable. Secrets are not typed here: write a name like DATABASE_URL")
    return name


def read_database(text: str) -> str:
    """Read the name of a database."""
    if not _DATABASE.fullmatch(read_line(text)) or text in ("admin", "config", "local"):
        raise ValueError(f"'{text}' cannot be the service's database. Write its name, without spaces, dots and slashes")
    return text


def read_bucket(text: str) -> Bucket:
    """Read `NAME` or `NAME@REGION`."""
    found = _BUCKET.fullmatch(text.removeprefix("s3://").rstrip("/"))
    if not found:
        raise ValueError(f"'{text}' is no bucket. Write it like my-shop-uploads, or my-shop-uploads@eu-west-1")
    return Bucket(found["name"], found["region"] or REGION)


def read_place(text: str) -> Place:
    """Read a directory, which has a slash in it, or a bucket."""
    if "/" not in text or text.startswith("s3://"):
        return read_bucket(text)
    if text.startswith("~"):
        raise ValueError(f"'{text}' begins with ~, which only shells understand. Write the whole path")
    return Directory(read_line(text))


def read_url(text: str) -> str:
    """Read an address of the web."""
    if not re.fullmatch(r"https?://[^\s/@]+(/[^\s]*)?", read_line(text)):
        raise ValueError(f"'{text}' is no address, or holds a password. Write it like https://shop.example/healthz")
    return text


def read_cluster(text: str) -> Atlas:
    """Read `PROJECT_ID/CLUSTER`."""
    found = re.fullmatch(r"([0-9a-f]{24})/([A-Za-z0-9-]{1,64})", text)
    if not found:
        raise ValueError(
            f"'{text}' is no cluster. Write the project's id, 24 digits and letters a-f, a slash, its name"
        )
    return Atlas(found[1], found[2])


def read_zone(text: str) -> tuple[str, str]:
    """Read `PROVIDER:ZONE_ID`."""
    found = re.fullmatch(r"(cloudflare|route53):([A-Za-z0-9]+)", text)
    if not found:
        raise ValueError(f"'{text}' is no zone. Write cloudflare: or route53:, and the zone's id after it")
    return found[1], found[2]


def read_name(text: str) -> str:
    """Read a name of the DNS."""
    if not re.fullmatch(r"([A-Za-z0-9_-]{1,63}\.)+[A-Za-z]{2,63}", text):
        raise ValueError(f"'{text}' is no full name. Write it like shop.example")
    return text.lower()


def read_repository(text: str) -> str:
    """Read `OWNER/NAME`, or its address at GitHub."""
    name = text.removeprefix("https://github.com/").removesuffix(".git")
    if not re.fullmatch(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+", name):
        raise ValueError(f"'{text}' is no repository. Write it like OWNER/NAME")
    return name


def read_ssh(text: str) -> str:
    """Read where ssh logs in."""
    if not _SSH.fullmatch(read_line(text)):
        raise ValueError(f"'{text}' is nothing that ssh knows. Write USER@HOST, or a Host of ~/.ssh/config")
    return text


def read_unit(text: str) -> str:
    """Read the name of a unit of systemd."""
    if not _UNIT.fullmatch(text):
        raise ValueError(f"'{text}' is no unit. Write it like shop.service")
    return text


def read_line(text: str) -> str:
    """Read any text that means itself in drx.yaml."""
    if not text or not text.isprintable() or "${" in text or text.startswith(_REFERENCES):
        raise ValueError("this cannot be written down as it is. Leave out ${, and file: or secret: at its beginning")
    return text


def database_in(uri: str) -> str:
    """Find the name of the database in an address; nothing where it names none."""
    found = re.match(r"mongodb(?:\+srv)?://[^/]+/([^?/]+)", uri)
    try:
        return read_database(found[1]) if found else ""
    except ValueError:
        return ""


def host_of(url: str) -> str:
    """Find the name of the host in an address of the web."""
    return re.sub(r"^https?://([^:/]+).*$", r"\1", url)
