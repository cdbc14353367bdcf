"""`host.*` with applications of our own: processes that read their variables anew on SIGHUP."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from drx.config import HostTarget, MongoTarget, Target
from drx.errors import Cancelled, StepError
from drx.secrets import Secret
from tests.actions.context import FakeContext, params_of, run

URI = "mongodb://app:sw0rd%2Ffish@db1:27017,db2/pixelcraft?replicaSet=rs0&authSource=admin"

APPLICATION = """
import os, pathlib, signal, sys, time
directory = pathlib.Path(sys.argv[1])
delay = float(sys.argv[2])
def start(*_):
    time.sleep(delay)
    with (directory / "read.log").open("ab") as log:
        log.write((directory / "variables.json").read_bytes().replace(b"\\n", b"") + b"\\n")
    (directory / ".pid").write_text(str(os.getpid()))
    (directory / ".pid").rename(directory / "app.pid")
signal.signal(signal.SIGHUP, start)
start()
while True:
    signal.pause()
"""


@pytest.fixture
def host(tmp_path: Path) -> Path:
    directory = tmp_path / "host"
    directory.mkdir()
    (directory / "variables.json").write_text('{"DATABASE_URL": "old", "OTHER": "kept"}')
    return directory


@pytest.fixture
def context(tmp_path: Path, host: Path) -> FakeContext:
    target = Target(
        "staging", "pixelcraft", mongo=MongoTarget(Secret(URI), "pixelcraft"), host=HostTarget("local", host)
    )
    return FakeContext(tmp_path / "artifacts", target)


def start(host: Path, delay: float = 0.0) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen([sys.executable, "-c", APPLICATION, str(host), str(delay)])
    while not (host / "app.pid").exists():
        time.sleep(0.01)
    return process


@pytest.fixture
def application(host: Path) -> Iterator["subprocess.Popen[bytes]"]:
    with start(host) as process:
        yield process
        process.kill()


def read(host: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (host / "read.log").read_text().splitlines()]


def test_the_application_runs_with_the_new_value(context: FakeContext, host: Path, application: object) -> None:
    run("host.set_variable", context, name="DATABASE_URL", value="new")
    assert read(host)[-1] == {"DATABASE_URL": "new", "OTHER": "kept"}
    assert (host / "variables.json").stat().st_mode & 0o777 == 0o600


def test_setting_the_same_again_does_nothing(context: FakeContext, host: Path, application: object) -> None:
    run("host.set_variable", context, name="DATABASE_URL", value="new")
    assert run("host.set_variable", context, name="DATABASE_URL", value="new").lines == ("DATABASE_URL is set already",)
    assert len(read(host)) == 2


def test_an_interrupted_deployment_is_finished(context: FakeContext, host: Path, application: object) -> None:
    time.sleep(0.02)
    (host / "variables.json").write_text('{"DATABASE_URL": "new"}')  # written, and then the machine went down
    run("host.set_variable", context, name="DATABASE_URL", value="new")
    assert read(host)[-1] == {"DATABASE_URL": "new"}


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        (URI, "mongodb://app:sw0rd%2Ffish@db1:27017,db2/restored?replicaSet=rs0&authSource=admin"),
        ("mongodb://db1", "mongodb://db1/restored"),
        ("mongodb://db1/", "mongodb://db1/restored"),
        ("mongodb://db1/?directConnection=true", "mongodb://db1/restored?directConnection=true"),
        ("mongodb://db1?directConnection=true", "mongodb://db1/restored?directConnection=true"),
        ("mongodb+srv://u:p@cluster.example/old", "mongodb+srv://u:p@cluster.example/restored"),
    ],
)
def test_the_address_of_another_database_is_put_together(
    context: FakeContext, host: Path, application: object, uri: str, expected: str
) -> None:
    context.target = Target("x", "p", mongo=MongoTarget(Secret(uri), "pixelcraft"), host=HostTarget("local", host))
    result = run("host.set_variable", context, name="DATABASE_URL", mongo_database="restored")
    assert read(host)[-1]["DATABASE_URL"] == expected
    assert "sw0rd" not in f"{result}"


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        (URI, "mongodb+srv://app:sw0rd%2Ffish@fresh.ab1cd.mongodb.net/restored?authSource=admin"),
        ("mongodb://db1:27017,db2/?replicaSet=rs0", "mongodb+srv://fresh.ab1cd.mongodb.net/restored"),
        ("mongodb+srv://u:p@old.example?w=1", "mongodb+srv://u:p@fresh.ab1cd.mongodb.net/restored?w=1"),
    ],
)
def test_the_address_of_another_server_keeps_user_and_password(
    context: FakeContext, host: Path, application: object, uri: str, expected: str
) -> None:
    context.target = Target("x", "p", mongo=MongoTarget(Secret(uri), "pixelcraft"), host=HostTarget("local", host))
    fresh = {"mongo_database": "restored", "mongo_server": "mongodb+srv://fresh.ab1cd.mongodb.net"}
    result = run("host.set_variable", context, name="DATABASE_URL", **fresh)
    assert read(host)[-1]["DATABASE_URL"] == expected
    assert "sw0rd" not in f"{result}"


@pytest.mark.parametrize("server", ["mongodb://user:word@db", "db.example", "mongodb://db/other", "mongodb://db?a=b"])
def test_an_address_of_a_server_holds_no_more_than_that(server: str) -> None:
    with pytest.raises(ValueError, match="mongo_server"):
        params_of("host.set_variable", name="DATABASE_URL", mongo_database="restored", mongo_server=server)


def test_a_masked_secret_is_never_deployed(context: FakeContext, host: Path, application: object) -> None:
    with pytest.raises(StepError, match="is masked"):
        run("host.set_variable", context, name="DATABASE_URL", value="mongodb://app:***@db1/restored")
    assert len(read(host)) == 1
    assert "old" in (host / "variables.json").read_text()


def test_an_application_that_does_not_come_up_is_a_failure(
    context: FakeContext, host: Path, application: "subprocess.Popen[bytes]"
) -> None:
    os.kill(application.pid, signal.SIGSTOP)
    with pytest.raises(StepError, match=r"did not run anew within 0\.3s"):
        run("host.set_variable", context, name="DATABASE_URL", value="new", within="300ms")
    threading.Timer(0.2, context.cancel).start()
    began = time.monotonic()
    with pytest.raises(Cancelled):
        run("host.set_variable", context, name="DATABASE_URL", value="newer", within="1m")
    assert time.monotonic() - began < 30


def test_a_slow_application_is_waited_for(context: FakeContext, host: Path) -> None:
    with start(host, 0.5) as process:
        began = time.monotonic()
        run("host.set_variable", context, name="DATABASE_URL", value="new")
        assert time.monotonic() - began >= 0.5
        assert read(host)[-1]["DATABASE_URL"] == "new"
        process.kill()


def test_an_application_that_does_not_run_is_named(context: FakeContext, host: Path) -> None:
    with pytest.raises(StepError, match="the application does not run"):
        run("host.set_variable", context, name="DATABASE_URL", value="new")
    (host / "app.pid").write_text("999999999")
    with pytest.raises(StepError, match="the application does not run"):
        run("host.set_variable", context, name="DATABASE_URL", value="newer")
    assert json.loads((host / "variables.json").read_text())["DATABASE_URL"] == "old"


def test_another_process_with_its_number_is_left_alone(context: FakeContext, host: Path) -> None:
    with subprocess.Popen(["sleep", "30"]) as bystander:
        (host / "app.pid").write_text(str(bystander.pid))
        os.utime(host / "app.pid", (1, 1))
        with pytest.raises(StepError, match="is left over"):
            run("host.set_variable", context, name="DATABASE_URL", value="new")
        assert bystander.poll() is None
        bystander.kill()


@pytest.mark.parametrize("content", ["[]", "{", "\x00"])
def test_damaged_variables_are_not_written_over(
    context: FakeContext, host: Path, application: object, content: str
) -> None:
    (host / "variables.json").write_text(content)
    with pytest.raises(StepError, match=r"variables\.json (cannot be read|holds no variables)"):
        run("host.set_variable", context, name="DATABASE_URL", value="new")
    assert (host / "variables.json").read_text() == content


def test_several_at_once_lose_nothing(context: FakeContext, host: Path, application: object) -> None:
    threads = [
        threading.Thread(target=run, args=("host.set_variable", context), kwargs={"name": f"NAME_{n}", "value": str(n)})
        for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read(host)[-1] == {"DATABASE_URL": "old", "OTHER": "kept", **{f"NAME_{n}": str(n) for n in range(6)}}


RELEASE = """#!/bin/sh
exec {python} -c '
import os, pathlib, signal, time
signal.signal(signal.SIGHUP, lambda *_: None)
print("{name} with", os.environ.get("OTHER"), os.environ.get("DRX_SECRET"), flush=True)
pathlib.Path(".pid").write_text(str(os.getpid())); os.replace(".pid", "app.pid")
while True: time.sleep(1)'
"""


@pytest.fixture
def released(host: Path) -> Iterator[Path]:
    """A host with two releases that run, and one that does not."""
    for name in ("one", "two", "bad"):
        start_script = host / "releases" / name / "start"
        start_script.parent.mkdir(parents=True)
        runs = RELEASE.format(python=sys.executable, name=name)
        start_script.write_text("#!/bin/sh\necho broken; exit 3\n" if name == "bad" else runs)
        start_script.chmod(0o755)
    yield host
    with suppress(OSError, ValueError):
        os.kill(int((host / "app.pid").read_text()), signal.SIGKILL)


def test_deploy_restart_and_roll_back(released: Path, context: FakeContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRX_SECRET", "canary")
    for name in ("one", "two"):
        assert run("host.deploy", context, version=name).outputs == {"version": name}
    first = (released / "app.pid").read_text()
    assert run("host.restart", context).outputs == {"version": "two"}
    assert (released / "app.pid").read_text() != first
    assert run("host.version", context).outputs == {"version": "two"}
    assert run("host.roll_back", context).outputs == {"version": "one"}
    assert run("host.logs", context, lines=2).lines == ("two with kept None", "one with kept None")


def test_a_killed_application_is_started_again(released: Path, context: FakeContext) -> None:
    run("host.deploy", context, version="one")
    killed = run("host.kill", context).outputs["pid"]
    assert run("host.restart", context).outputs == {"version": "one"}
    assert int((released / "app.pid").read_text()) != killed


def test_a_release_that_does_not_start_is_said_with_what_it_wrote(released: Path, context: FakeContext) -> None:
    run("host.deploy", context, version="one")
    with pytest.raises(StepError, match="version bad ends as soon as it starts, with code 3") as raised:
        run("host.deploy", context, version="bad")
    assert raised.value.lines[-1] == "broken"
    assert run("host.roll_back", context).outputs == {"version": "one"}


def test_what_was_never_deployed_or_built(released: Path, context: FakeContext) -> None:
    with pytest.raises(StepError, match="nothing is deployed"):
        run("host.restart", context)
    with pytest.raises(StepError, match=r"no release three.*The releases: bad, one, two"):
        run("host.deploy", context, version="three")
    run("host.deploy", context, version="one")
    with pytest.raises(StepError, match="no version was deployed before one"):
        run("host.roll_back", context)
