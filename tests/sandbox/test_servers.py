"""Sandboxes come up, live side by side, notice their dead and go down, with real servers."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from pymongo import MongoClient

import drx
from drx.errors import DrxError
from drx.sandbox import members, servers, writing
from drx.sandbox.buckets import connect_s3
from drx.sandbox.host import read_settings
from drx.sandbox.processes import Process, is_alive, start_python, wait_until
from drx.sandbox.state import (
    ACCESS_KEY,
    APP,
    APP_NAME,
    BUCKETS,
    MONGO,
    RESOLVER,
    SECRET_KEY,
    SandboxState,
    read_state,
    s3_name,
)
from tests.sandbox.conftest import get

NAMES = {MONGO, s3_name("us-east-1"), s3_name("eu-west-1"), RESOLVER, APP}


def test_every_member_runs_on_loopback_only(running: SandboxState) -> None:
    assert {each.member.name: each.condition for each in servers.status(running.directory)} == dict.fromkeys(
        NAMES, "running"
    )
    for member in running.members:
        assert _listening_addresses(member.port) == {"0100007F"}, member.name


def test_buckets_are_there_and_the_uploads_are_versioned(running: SandboxState) -> None:
    for bucket in BUCKETS:
        with closing(connect_s3(running.s3[bucket.region], bucket.region, ACCESS_KEY, SECRET_KEY)) as client:
            status = client.get_bucket_versioning(Bucket=bucket.name).get("Status")
            assert status == ("Enabled" if bucket.versioned else None)


def test_a_second_up_changes_nothing(running: SandboxState) -> None:
    assert servers.up(running.directory) == running


def test_what_drx_yaml_is_given(running: SandboxState) -> None:
    addresses = running.addresses
    assert addresses.mongo_uri == running.mongo_uri
    assert addresses.backup_buckets == {"us-east-1": "pixelcraft-backups", "eu-west-1": "pixelcraft-backups-eu"}
    assert addresses.health_url == f"http://{APP_NAME}:{running.member(APP).port}/healthz"
    assert addresses.resolver is not None
    assert addresses.resolver.address == f"127.0.0.1:{running.member(RESOLVER).port}"
    assert (addresses.host_directory / "variables.json").is_file()


@pytest.mark.slow
def test_a_second_sandbox_a_killed_member_and_the_end(running: SandboxState, directory: Path) -> None:
    other = servers.up(directory)
    assert not {member.port for member in other.members} & {member.port for member in running.members}
    with MongoClient[dict[str, object]](other.mongo_uri) as client:
        client["pixelcraft"]["images"].insert_one({"_id": 1})
    with MongoClient[dict[str, object]](running.mongo_uri) as client:
        assert client["pixelcraft"]["images"].find_one({"_id": 1}) is None

    with closing(connect_s3(other.s3["us-east-1"], "us-east-1", ACCESS_KEY, SECRET_KEY)) as client:
        client.put_object(Bucket="pixelcraft-uploads", Key="kept", Body=b"bytes")
    killed = {MONGO, s3_name("us-east-1")}
    for name in killed:
        os.kill(other.member(name).pid, signal.SIGKILL)
    expected = {name: "dead" if name in killed else "running" for name in NAMES}
    assert wait_until(lambda: _conditions(directory) == expected, 30), _conditions(directory)

    again = servers.up(directory)
    assert again.mongo_uri == other.mongo_uri, "the port of last time was free"
    assert again.member(MONGO).pid != other.member(MONGO).pid
    assert again.member(APP) == other.member(APP)
    with MongoClient[dict[str, object]](again.mongo_uri) as client:  # killed, this one forgets its last moments
        client["pixelcraft"]["images"].replace_one({"_id": 1}, {}, upsert=True)
    with closing(connect_s3(again.s3["us-east-1"], "us-east-1", ACCESS_KEY, SECRET_KEY)) as client:
        assert client.get_bucket_versioning(Bucket="pixelcraft-uploads").get("Status") == "Enabled"
        assert client.get_object(Bucket="pixelcraft-uploads", Key="kept")["Body"].read() == b"bytes"

    store = again.member(s3_name("us-east-1"))
    os.kill(store.pid, signal.SIGKILL)
    assert wait_until(lambda: not is_alive(servers.process_of(store)), 30)
    with socket.create_server(("127.0.0.1", store.port)):
        moved = servers.up(directory)
    assert moved.member(s3_name("us-east-1")).port != store.port
    reason = "image 1 does not say which object it is"
    assert get(moved, "/healthz").json == {"status": "unavailable", "reason": reason}
    assert read_settings(directory).endpoint == moved.s3["us-east-1"]

    servers.down(directory)
    assert not any(is_alive(servers.process_of(member)) for member in moved.members)
    assert servers.status(directory) == ()
    servers.down(directory, remove_data=True)
    assert not directory.exists()
    assert set(_conditions(running.directory).values()) == {"running"}


def test_a_directory_that_is_no_sandbox_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    servers.down(tmp_path, remove_data=True)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(DrxError, match="no sandbox runs in"):
        writing.start_writing(tmp_path / "nowhere", 1)


@pytest.mark.slow
def test_a_drx_that_was_killed_while_it_started_leaves_nothing_behind(directory: Path) -> None:
    code = "import sys, pathlib; from drx.sandbox import servers; servers.up(pathlib.Path(sys.argv[1]))"
    starting = subprocess.Popen([sys.executable, "-c", code, str(directory)], cwd=Path(drx.__file__).parents[1])
    assert wait_until((directory / "state.json").exists, 20)
    starting.kill()
    starting.wait()
    state = servers.up(directory)
    assert _conditions(directory) == dict.fromkeys(NAMES, "running")
    servers.down(directory)
    assert not any(is_alive(servers.process_of(member)) for member in state.members)


def test_a_member_that_does_not_start_ends_the_others_and_shows_its_log(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Process] = []

    def start_and_note(arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> Process:
        started.append(start_python(arguments, environment, log))
        return started[-1]

    monkeypatch.setattr("drx.sandbox.servers.start_python", start_and_note)
    (directory / MONGO).mkdir(parents=True)
    (directory / MONGO / "data").write_text("not a directory")
    with pytest.raises(DrxError, match=r"(?s)'mongo' of the sandbox did not start.*data"):
        servers.up(directory)
    assert len(started) == len(NAMES)
    assert not any(map(is_alive, started))
    state = read_state(directory)
    assert state is not None
    assert state.members == ()


def test_without_the_extra_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DrxError, match=r"secantus, ministack missing.*pipx install --force"):
        servers.up(tmp_path)


def test_a_damaged_state_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text('{"directory": 1}')
    with pytest.raises(DrxError, match=r"state.json cannot be read"):
        servers.status(tmp_path)


def test_children_see_no_credentials_of_the_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:1")
    for program in members.programs(tmp_path, {}, "127.0.0.1"):
        assert not {"AWS_SECRET_ACCESS_KEY", "HTTPS_PROXY"} & program.environment.keys()


def _conditions(directory: Path) -> dict[str, str]:
    return {each.member.name: each.condition for each in servers.status(directory)}


def _listening_addresses(port: int) -> set[str]:
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            address, state = line.split()[1], line.split()[3]
            if state == "0A" and int(address.rpartition(":")[2], 16) == port:
                found.add(address.rpartition(":")[0])
    return found
