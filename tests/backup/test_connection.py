"""Why a MongoDB server cannot be used is said in a sentence, which names it, and never its password."""

from pathlib import Path

import pytest
from pymongo.errors import OperationFailure, PyMongoError

from drx.backup.server.connection import connect, explain, hosts_of, with_host
from drx.errors import StepError
from tests import servers
from tests.weather import Handler, answering, at_fault, hanging_up, silent, speaking_tls, talking_nonsense

DIRECT = "/?directConnection=true"
USER = "drx:hunter22@"


def why(uri: str) -> str:
    """Ask a server that cannot be asked, and give what a person is told."""
    with connect(uri, serverSelectionTimeoutMS=1000, connectTimeoutMS=700) as client:
        with pytest.raises(PyMongoError) as caught:
            client.admin.command("ping")
        told, remedy = explain(caught.value)
    assert "hunter22" not in told + remedy
    assert "Topology" not in told
    assert remedy
    return told


@pytest.mark.parametrize(
    ("fault", "options", "expected"),
    [
        (silent, "", "does not answer"),
        (silent, "&tls=true", "does not come to terms about TLS"),
        (hanging_up, "", "hangs up"),
        (talking_nonsense, "", "does not speak as MongoDB does"),
        (answering(400, b"Bad Request"), "", "does not speak as MongoDB does"),
    ],
)
def test_a_server_at_fault(fault: Handler, options: str, expected: str) -> None:
    with at_fault(fault) as port:
        told = why(f"mongodb://{USER}127.0.0.1:{port}{DIRECT}{options}")
    assert told.removeprefix("the MongoDB server ").removeprefix(f"127.0.0.1:{port} ") == expected


@pytest.mark.parametrize(
    ("options", "expected"), [("", "hangs up"), ("&tls=true", "shows a certificate that nothing here vouches for")]
)
def test_a_server_that_speaks_tls(tmp_path: Path, options: str, expected: str) -> None:
    with at_fault(speaking_tls(tmp_path)) as port:
        told = why(f"mongodb://{USER}127.0.0.1:{port}{DIRECT}{options}")
    assert told == f"the MongoDB server 127.0.0.1:{port} {expected}"


def test_a_port_that_takes_none_and_a_name_that_nobody_knows() -> None:
    port = servers.free_port()
    assert why(f"mongodb://{USER}127.0.0.1:{port}/") == f"the MongoDB server 127.0.0.1:{port} does not answer"
    assert why(f"mongodb://{USER}nowhere.invalid/") == "the MongoDB server nowhere.invalid:27017 is not known to DNS"


def test_a_server_of_another_set(mongo_server: str) -> None:
    told = why(mongo_server.replace("directConnection=true", "replicaSet=another"))
    assert told == "the MongoDB server is in no such replica set"


@pytest.mark.parametrize(
    ("code", "expected", "remedy"),
    [
        (18, "refuses the user or the password", "mongo.uri"),
        (8000, "refuses the user or the password", "mongo.uri"),
        (13, "says: no (error 13)", "Give the user the rights"),
        (26, "says: no (error 26)", "Correct the step"),
    ],
)
def test_what_a_server_refuses(code: int, expected: str, remedy: str) -> None:
    told, advice = explain(OperationFailure("raw", code, {"errmsg": "no"}), "db1")
    assert told == f"the MongoDB server db1 {expected}"
    assert remedy in advice


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("mongodb://h/?tls=true&tlsCAFile={folder}/none.pem", "/none.pem: No such file or directory"),
        (
            "mongodb://h/?tls=true&tlsCAFile={folder}/other.pem",
            "the certificate, or the key to it, that it names is none",
        ),
        ("mongodb://h/?tls=true&tlsCertificateKeyFile={folder}/other.pem", "the certificate, or the key to it, that"),
        (f"mongodb+srv://{USER}nowhere.invalid/", "DNS does not know nowhere.invalid"),
        ("mongodb://drx:hunter22:x@h/", "it is not well formed"),
        (f"mongodb://{USER}h:port/", "it is not well formed"),
        ("mongodb://a,b/?directConnection=true", "its options do not fit together"),
    ],
)
def test_an_address_that_cannot_be_used(tmp_path: Path, uri: str, expected: str) -> None:
    (tmp_path / "other.pem").write_text("no certificate")
    with pytest.raises(StepError, match="the address of the MongoDB server cannot be used: ") as caught:
        connect(uri.format(folder=tmp_path))
    assert expected in caught.value.message
    assert "hunter22" not in str(caught.value)


def test_a_host_is_put_in_place_of_others_and_of_nothing_else() -> None:
    uri = "mongodb://a:b@a,b:27018/a?x=a"
    assert hosts_of(uri) == "a,b:27018"
    assert with_host(uri, "b:27018") == "mongodb://a:b@b:27018/a?x=a"
    assert hosts_of("nonsense") == "of this environment"
