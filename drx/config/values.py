"""The values drx.yaml is made of: references, addresses, names, schedules; each with what makes it one."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from drx.fields import Text

REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
"""`${NAME}`: the value of an environment variable, anywhere in a text."""
FILE = "file:"
"""A text that begins so is the content of that file."""
COMMAND = "secret:"
"""A text that begins so is what `secret_command` prints for the name that follows."""


_END = "([0-9]+|[a-z]{3})"
_PART = re.compile(rf"(\*(/[0-9]+)?|{_END}(-{_END}(/[0-9]+)?)?)(,|$)", re.IGNORECASE)
"""What stands between the commas of a schedule's part, where cron, GitHub and Kubernetes all read it."""


def is_reference(value: str) -> bool:
    """Whether the value stands somewhere else: in the environment or in a file."""
    return value.startswith((FILE, COMMAND)) or "${" in value


def _check_mongo_uri(value: str) -> str:
    if not is_reference(value) and not value.startswith(("mongodb://", "mongodb+srv://")):
        raise ValueError("this is no address of a MongoDB server. It begins with mongodb:// or mongodb+srv://")
    path = value.partition("://")[2].partition("?")[0].partition("/")[2]
    if not is_reference(value) and ("@" in path or "#" in value):
        raise ValueError("a password holds a sign that ends it. Write %2F for a slash in it, %3F for ? and %23 for #")
    return value


def _check_database(value: str) -> str:
    if not is_reference(value) and not re.fullmatch(r'[^/\\. "$*<>:|?\x00]{1,63}', value):
        raise ValueError("this cannot be the name of a database. Leave out spaces, dots, slashes and quotes")
    if value in ("admin", "config", "local"):
        raise ValueError("this database belongs to the server. Name the one that holds the service's data")
    return value


def _check_account(value: str) -> str:
    if not re.fullmatch(r"uid:\d+|(?!uid:)[^\s:/]+", value):
        raise ValueError("this is no account of a host. Write its name, or uid:1001 for one that has none")
    return value


def _check_url(value: str) -> str:
    if not is_reference(value) and not value.startswith(("http://", "https://")):
        raise ValueError("this is no web address. It begins with http:// or https://")
    return value


def _check_api(value: str) -> str:
    if is_reference(value):
        return value
    address = urlsplit(value)
    loopback = address.hostname in ("127.0.0.1", "::1", "localhost")
    if not address.hostname or not (address.scheme == "https" or (address.scheme == "http" and loopback)):
        raise ValueError("credentials are sent there, so it begins with https://. Plain http is for this machine only")
    return value.rstrip("/")


def _check_cron(value: str) -> str:
    from datetime import UTC, datetime

    from cronsim import CronSim, CronSimError

    parts = value.split()
    if len(parts) != 5:
        raise ValueError("a schedule has five parts: minute, hour, day, month, weekday. Write it like 0 3 * * *")
    try:
        next(CronSim(value, datetime.now(UTC)))
    except CronSimError as error:
        raise ValueError(f"this schedule is none: {str(error).lower()}. Write it like 0 3 * * *") from None
    except StopIteration:
        raise ValueError("this moment never comes. Correct the day or the month") from None
    for part in parts:
        if _PART.sub("", part):
            raise ValueError(f"not everything that runs schedules reads '{part}'. Write numbers, 1-5, 5-59/10 or */10")
    if re.search(r"(?<![0-9/])0*7", parts[4]):
        raise ValueError("not everything that runs schedules reads 7 as a weekday. Write 0 or SUN for Sunday")
    return " ".join(parts)


def _check_zone(value: str) -> str:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(value)
    except (KeyError, OSError, ValueError):
        raise ValueError(f"there is no time zone '{value}'. Write it like UTC or Europe/Berlin") from None
    return value


MongoUri = Annotated[Text, AfterValidator(_check_mongo_uri)]
Database = Annotated[Text, AfterValidator(_check_database)]
Api = Annotated[Text, AfterValidator(_check_api)]
Url = Annotated[Text, AfterValidator(_check_url)]
Account = Annotated[Text, AfterValidator(_check_account)]
Cron = Annotated[Text, AfterValidator(_check_cron)]
Zone = Annotated[Text, AfterValidator(_check_zone)]
