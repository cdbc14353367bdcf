"""`host.*` over ssh: a real sshd on loopback with a key, and a stand-in for systemctl, sudo and journalctl."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from getpass import getuser
from pathlib import Path

import pytest

from drx.actions.hosts import new_systemd, systemd
from drx.actions.hosts.systemd import quoted
from drx.config import NewUnit, SystemdTarget, Target
from drx.errors import Cancelled, PermanentError, StepError
from drx.guard import identify
from drx.sandbox.processes import wait_until
from drx.secrets import Secret
from tests.actions.context import FakeContext, run

SSHD = shutil.which("sshd") or next((path for path in ("/usr/sbin/sshd",) if os.access(path, os.X_OK)), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(SSHD is None, reason="there is no sshd here: apt-get install openssh-server"),
]
COMMIT = "0123456789abcdef0123456789abcdef01234567"

SYSTEMCTL = """#!/bin/sh
cd "$(dirname "$0")/.." && echo "systemctl $*" >>asked
case "$1" in
restart) test -e broken || date +%N >pid; test ! -e hangs || sleep 60 ;;
show) state=active; test ! -e broken || state=failed; echo "ActiveState=$state"; echo "MainPID=$(cat pid)" ;;
esac
"""
OTHERS = {
    "sudo": '#!/bin/sh\nshift\nexec "$@"\n',
    "journalctl": '#!/bin/sh\necho "journalctl $*" >>"$(dirname "$0")/../asked"\nseq 1 9\n',
    "deploy": '#!/bin/sh\necho "deploy $*" >>"$(dirname "$0")/../asked"\n',
}


@dataclass
class Machine:
    """Another machine, as far as ssh can tell."""

    directory: Path
    port: int

    def asked(self) -> list[str]:
        """What was run there."""
        file = self.directory / "asked"
        return file.read_text().splitlines() if file.exists() else []


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _key(path: Path) -> str:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path.with_suffix(".pub").read_text()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine with sshd, which lets one key in."""
    machine = Machine(tmp_path_factory.mktemp("machine"), _free_port())
    directory = machine.directory
    (directory / "bin").mkdir()
    for name, text in {"systemctl": SYSTEMCTL, **OTHERS}.items():
        (directory / "bin" / name).write_text(text)
        (directory / "bin" / name).chmod(0o755)
    host_key = _key(directory / "host")
    (directory / "authorized").write_text(_key(directory / "user"))
    (directory / "known").write_text(f"[127.0.0.1]:{machine.port} {host_key}")
    (directory / "sshd_config").write_text(
        f"Port {machine.port}\nListenAddress 127.0.0.1\nHostKey {directory}/host\nPidFile none\nStrictModes no\n"
        f"AuthorizedKeysFile {directory}/authorized\nPasswordAuthentication no\nUsePAM no\nPermitRootLogin yes\n"
        f"SetEnv PATH={directory}/bin:/usr/bin:/bin\n"
    )
    (directory / "ssh_config").write_text(
        f"Host app\n  HostName 127.0.0.1\n  Port {machine.port}\n  User {getuser()}\n"
        f"  IdentityFile {directory}/user\n  IdentitiesOnly yes\n  UserKnownHostsFile {directory}/known\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True) if os.geteuid() == 0 else None
    sshd = subprocess.Popen([str(SSHD), "-D", "-e", "-f", str(directory / "sshd_config")], stderr=subprocess.DEVNULL)
    try:
        _await_port(machine.port, sshd)
        yield machine
    finally:
        sshd.send_signal(signal.SIGTERM)
        sshd.wait(10)


def _await_port(port: int, sshd: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and sshd.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.skip("sshd does not run here")


@pytest.fixture
def machine(running: Machine, context: FakeContext, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """The machine as it is before each test, and an environment whose host it is."""
    monkeypatch.setattr(systemd, "_SETTLE_SECONDS", 0.01)
    for name in ("asked", "broken", "hangs"):
        (running.directory / name).unlink(missing_ok=True)
    (running.directory / "env").write_text("A=1\nDATABASE_URL=mongodb://old/\n# kept\n")
    (running.directory / "env").chmod(0o640)
    host = SystemdTarget(
        ssh="app",
        unit="shop.service",
        deploy=("deploy", "to", "{version}"),
        roll_back=("deploy", "previous", "with 'quotes' $(touch oops)"),
        version=("echo", "release-7"),
        environment_file=str(running.directory / "env"),
        sudo=True,
        ssh_config=running.directory / "ssh_config",
    )
    context.target = Target("staging", "shop", host=host)
    return running


def changed(context: FakeContext, **changes: object) -> None:
    """Change what is stated of the host."""
    assert isinstance(context.target.host, SystemdTarget)
    context.target = replace(context.target, host=replace(context.target.host, **changes))  # type: ignore[arg-type]


def test_a_unit_is_restarted_and_seen_to_stay(machine: Machine, context: FakeContext) -> None:
    assert run("host.restart", context).outputs == {"version": "release-7"}
    shown = "systemctl show --property=ActiveState,SubState,MainPID shop.service"
    assert machine.asked() == ["systemctl restart shop.service", shown, shown]


def test_a_unit_that_fails_is_a_failure(machine: Machine, context: FakeContext) -> None:
    (machine.directory / "broken").touch()
    with pytest.raises(StepError, match=r"shop\.service does not stay active: ActiveState=failed"):
        run("host.restart", context)


def test_a_commit_is_deployed_by_the_configured_command(machine: Machine, context: FakeContext) -> None:
    run("host.deploy", context, version=COMMIT)
    assert machine.asked()[:2] == [f"deploy to {COMMIT}", "systemctl restart shop.service"]


def test_what_is_stated_is_quoted(machine: Machine, context: FakeContext) -> None:
    run("host.roll_back", context)
    assert machine.asked()[0] == "deploy previous with 'quotes' $(touch oops)"


def test_a_variable_replaces_its_line_and_no_other(machine: Machine, context: FakeContext) -> None:
    value = "mongodb://user:p\"a\\s$s`'@db/%2F"
    result = run("host.set_variable", context, name="DATABASE_URL", value=value)
    file = machine.directory / "env"
    assert file.read_text() == 'A=1\n# kept\nDATABASE_URL="mongodb://user:p\\"a\\\\s\\$s\\`\'@db/%2F"\n'
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert machine.asked()[0] == "systemctl restart shop.service"
    assert "mongodb" not in f"{result}"
    assert not list(machine.directory.glob("env.*"))


@pytest.mark.parametrize("value", ["a\nB=2", "a\0b", "a\x1b[0m"])
def test_a_value_of_several_lines_is_refused(value: str) -> None:
    with pytest.raises(PermanentError, match="line breaks"):
        quoted(value)


@pytest.mark.usefixtures("machine")
def test_a_file_that_is_not_there_is_said(context: FakeContext) -> None:
    changed(context, environment_file="/no/such/file")
    with pytest.raises(StepError, match="ended with 3: there is no /no/such/file"):
        run("host.set_variable", context, name="A", value="2")


def test_logs(machine: Machine, context: FakeContext) -> None:
    assert run("host.logs", context, lines=3).lines == ("7", "8", "9")
    assert "--unit shop.service --lines 3 --no-pager" in machine.asked()[0]


@pytest.mark.usefixtures("machine")
@pytest.mark.skipif(not Path("/etc/machine-id").exists(), reason="this machine has no id")
def test_who_it_is_is_read_from_the_machine(context: FakeContext) -> None:
    found = Path("/etc/machine-id").read_text().strip()
    if not found:
        pytest.skip("this machine has no id")
    assert identify(context.target, "host").marks == (f"machine {found} unit shop.service",)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [("IdentityFile", "Permission denied"), ("UserKnownHostsFile", "Host key verification failed")],
)
def test_no_way_in_is_said_and_leaves_nothing_in_doubt(
    machine: Machine, context: FakeContext, tmp_path: Path, wrong: str, message: str
) -> None:
    text = (machine.directory / "ssh_config").read_text()
    lines = [line if wrong not in line else f"  {wrong} /dev/null" for line in text.splitlines()]
    (tmp_path / "config").write_text("\n".join(lines) + "\n")
    changed(context, ssh_config=tmp_path / "config")
    with pytest.raises(StepError, match=f"ssh did not get through.*{message}") as caught:
        run("host.restart", context)
    assert "BatchMode" in caught.value.remedy
    assert not machine.asked()


def test_a_command_that_hangs_is_left_after_a_time(machine: Machine, context: FakeContext) -> None:
    (machine.directory / "hangs").touch()
    with pytest.raises(StepError, match="systemctl on app had not ended within"):
        run("host.restart", context, within="1s")
    wait_until(lambda: bool(machine.asked()), 10)  # on a busy machine it would come in the midst of the next test


def test_a_stop_is_obeyed(machine: Machine, context: FakeContext) -> None:
    (machine.directory / "hangs").touch()

    def stop() -> None:
        wait_until(lambda: bool(machine.asked()), 30)
        context.seconds = 0

    stopping = threading.Thread(target=stop)
    stopping.start()
    with pytest.raises(Cancelled):
        run("host.restart", context)
    stopping.join()


@pytest.mark.usefixtures("machine")
def test_what_is_not_stated_is_said(context: FakeContext) -> None:
    changed(context, deploy=(), roll_back=(), environment_file=None)
    for action, parameters in (
        ("host.deploy", {"version": COMMIT}),
        ("host.roll_back", {}),
        ("host.set_variable", {"name": "A", "value": "b"}),
    ):
        with pytest.raises(PermanentError, match="there is no"):
            run(action, context, **parameters)


UNIT = "[Service]\nExecStart=/srv/shop/current/start\nEnvironmentFile=/etc/shop\n"


@pytest.fixture
def empty(machine: Machine, context: FakeContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which nothing is, and what it is to get; gives the directory that stands for its disk."""
    disk = tmp_path / "disk"
    (disk / "units").mkdir(parents=True)
    monkeypatch.setattr(new_systemd, "_UNITS", str(disk / "units"))
    (tmp_path / "shop.service").write_text(UNIT)
    variables = (("TOKEN", Secret("s3cr$t")), ("MODE", Secret("live")))
    new = NewUnit(tmp_path / "shop.service", f"{disk}/srv/shop", variables)
    changed(context, provision=new, environment_file=f"{disk}/etc/shop/env")
    return disk


def test_an_empty_machine_gets_unit_directory_and_variables(
    machine: Machine, context: FakeContext, empty: Path
) -> None:
    before = len(machine.asked())
    result = run("host.provision", context)
    made = [f"{empty}/srv/shop", f"{empty}/etc/shop/env", f"{empty}/units/shop.service"]
    assert result.outputs == {"address": "127.0.0.1", "made": made, "ids": []}
    assert (empty / "srv" / "shop").is_dir()
    assert (empty / "units" / "shop.service").read_text() == UNIT
    file = empty / "etc" / "shop" / "env"
    assert file.read_text() == 'TOKEN="s3cr\\$t"\nMODE="live"\n'
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    asked = machine.asked()[before:]
    assert asked == ["systemctl daemon-reload", "systemctl enable shop.service"], "nothing is started"
    assert "s3cr" not in f"{result}"
    found = sorted(path.name for path in empty.rglob("*") if path.is_file())
    assert found == ["env", "shop.service"], "no half file is left"


@pytest.mark.usefixtures("machine")
def test_a_second_time_makes_nothing_and_keeps_what_was_changed(context: FakeContext, empty: Path) -> None:
    run("host.provision", context)
    (empty / "etc" / "shop" / "env").write_text("MODE=changed\n")
    assert run("host.provision", context).outputs["made"] == []
    assert (empty / "etc" / "shop" / "env").read_text() == "MODE=changed\n"


@pytest.mark.usefixtures("machine")
def test_another_unit_of_that_name_is_left_alone(context: FakeContext, empty: Path) -> None:
    (empty / "units" / "shop.service").write_text("[Service]\nExecStart=/usr/bin/other\n")
    with pytest.raises(StepError, match=r"shop\.service is there already, and differs"):
        run("host.provision", context)
    assert "other" in (empty / "units" / "shop.service").read_text()
    assert sorted(path.name for path in (empty / "units").iterdir()) == ["shop.service"]
