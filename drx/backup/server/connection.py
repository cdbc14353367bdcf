"""Connect to a MongoDB server, and say in words why that failed: no driver's text reaches a person. Keeps nothing."""

import re
from typing import TYPE_CHECKING, Any

from drx.errors import StepError

if TYPE_CHECKING:
    from pymongo import MongoClient

_HOSTS = re.compile(r"[a-z+]+://(?:[^/]*@)?([^/?@]+)")
_MEMBER = re.compile(r"(?:SSL handshake failed: )?([^\s,:]+:\d+): ")
AUTHENTICATION_FAILED = (18, 8000)
NOT_AUTHORIZED = 13
_REACH = "Check that it runs and can be reached from here, and that mongo.uri names it"
_HANGS_UP = "Check that it is a MongoDB server; one that asks for TLS needs tls=true in mongo.uri"
_TROUBLES = (
    (
        "CERTIFICATE_VERIFY_FAILED",
        "shows a certificate that nothing here vouches for",
        "Name its authority by tlsCAFile= in mongo.uri, and the host as the certificate does",
    ),
    (
        "SSL handshake failed",
        "does not come to terms about TLS",
        "Check that it speaks TLS, which mongo.uri asks for, and that it answers at all",
    ),
    ("connection closed", "hangs up", _HANGS_UP),
    ("Connection reset", "hangs up", _HANGS_UP),
    ("Got response id", "does not speak as MongoDB does", "Check host and port of mongo.uri"),
    ("[Errno -", "is not known to DNS", "Check the name in mongo.uri, and that this host can ask DNS"),
    ("No primary available", "has no primary now", "See which members of its set run: most have to"),
    ("No replica set members", "is in no such replica set", "Check replicaSet= in mongo.uri"),
)
"""Why a server was never reached: what the driver's text holds; what that says of the server; what to do."""
_LIKE = "Correct the environment's mongo.uri: mongodb://USER:PASSWORD@HOST/, with %40 for an @ in the password"


def connect(uri: str, **settings: Any) -> "MongoClient[dict[str, Any]]":
    """Make a client of the server; it connects once it is used.

    Raises StepError for an address that cannot be used, which does not give it away.
    """
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError

    try:
        return MongoClient[dict[str, Any]](uri, **settings)
    except (PyMongoError, ValueError, OSError) as error:
        raise StepError(f"the address of the MongoDB server cannot be used: {_flaw(uri, error)}", _LIKE) from None


def _flaw(uri: str, error: Exception) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    text = str(error)
    if isinstance(error, OSError) or "certificate" in text:
        return "the certificate, or the key to it, that it names is none"
    if re.search("DNS|resolution|nameserver", text):
        return f"DNS does not know {hosts_of(uri)}"
    return "it is not well formed, or its options do not fit together"


def hosts_of(uri: str) -> str:
    """Give the hosts of an address, without user, password and options."""
    match = _HOSTS.match(uri)
    return match[1] if match else "of this environment"


def with_host(uri: str, host: str) -> str:
    """Give an address with this host in place of its own."""
    match = _HOSTS.match(uri)
    return f"{uri[: match.start(1)]}{host}{uri[match.end(1) :]}" if match else uri


def explain(error: Exception, server: str = "") -> tuple[str, str]:
    """Say what a driver's error means, and what to do; `server` is what people call it, where the error names none."""
    from pymongo.errors import ConnectionFailure, OperationFailure, ServerSelectionTimeoutError

    text = str(error)
    member = _MEMBER.match(text)
    where = f"the MongoDB server {server or (member[1] if member else '')}".rstrip()
    if isinstance(error, OperationFailure) and error.code in AUTHENTICATION_FAILED:
        return f"{where} refuses the user or the password", "Check what mongo.uri of this environment comes from"
    if isinstance(error, OperationFailure):
        said = str((error.details or {}).get("errmsg", error))[:200]
        remedy = "Give the user the rights" if error.code == NOT_AUTHORIZED else "Correct the step, or mend the server"
        return f"{where} says: {said} (error {error.code})", remedy
    if isinstance(error, ServerSelectionTimeoutError):
        for sign, trouble, remedy in _TROUBLES:
            if sign in text:
                return f"{where} {trouble}", remedy
    if isinstance(error, ConnectionFailure):
        return f"{where} does not answer", _REACH
    return f"{where} cannot be used: {type(error).__name__}", "Check mongo.uri of this environment in drx.yaml"
