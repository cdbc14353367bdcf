"""`shell.run` against real processes."""

import os
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

import pexpect
import pytest
from pydantic import ValidationError

from drx.actions.base import Params
from drx.config.model import Environment
from drx.errors import Cancelled, StepError
from drx.secrets import Masker
from tests.actions.context import FakeContext, params_of, registered, run

SECRET = "correct-horse-battery"


def output(context: FakeContext) -> bytes:
    return (context.directory / "output.txt").read_bytes()


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2][:1] != b"Z"
    except FileNotFoundError:
        return False


def test_output_is_kept_and_its_end_reported(context: FakeContext) -> None:
    result = run("shell.run", context, command=["sh", "-c", "seq 1 30; echo oops >&2"])
    assert result.lines == (*map(str, range(12, 31)), "oops")
    assert result.outputs == {"exit_code": 0, "last_line": "oops"}
    assert result.artifacts == ("output.txt",)
    assert output(context) == b"".join(b"%d\n" % n for n in range(1, 31)) + b"oops\n"
    assert (context.directory / "output.txt").stat().st_mode & 0o777 == 0o600


def test_a_silent_command_leaves_no_file(context: FakeContext) -> None:
    result = run("shell.run", context, command=["/bin/true"])
    assert (result.lines, result.artifacts) == ((), ())
    assert not context.directory.exists()


def test_arguments_are_not_read_by_a_shell(context: FakeContext) -> None:
    assert run("shell.run", context, command=["printf", "%s", "$HOME; `id` *"]).lines == ("$HOME; `id` *",)


def test_a_shell_is_there_when_asked_for(context: FakeContext) -> None:
    assert run("shell.run", context, command="echo a b | tr ab cd", shell=True).lines == ("c d",)


def test_environment_directory_and_input_are_given(context: FakeContext, tmp_path: Path) -> None:
    result = run(
        "shell.run", context, command='echo "$NAME $(pwd) $(cat)"', shell=True,
        env={"NAME": "drx"}, cwd=str(tmp_path), stdin="from stdin",
    )  # fmt: skip
    assert result.lines == (f"drx {tmp_path} from stdin",)


def test_without_input_there_is_none(context: FakeContext) -> None:
    assert run("shell.run", context, command=["cat"]).lines == ()


def test_input_larger_than_a_pipe_is_read_at_any_pace(context: FakeContext) -> None:
    text = "x" * 1_000_000
    assert run("shell.run", context, command="sleep 0.1; wc -c", shell=True, stdin=text).lines == ("1000000",)


def test_input_that_nobody_reads_does_no_harm(context: FakeContext) -> None:
    assert run("shell.run", context, command=["/bin/true"], stdin="x" * 1_000_000).outputs["exit_code"] == 0


@pytest.mark.parametrize(("code", "expected"), [(3, [0]), (0, [1, 2])])
def test_an_unexpected_exit_code_fails(context: FakeContext, code: int, expected: list[int]) -> None:
    with pytest.raises(StepError, match=f"sh ended with exit code {code}") as raised:
        run("shell.run", context, command=["sh", "-c", f"echo why; exit {code}"], exit_codes=expected)
    assert raised.value.lines == ("why",)
    assert raised.value.artifacts == ("output.txt",)
    assert str(context.directory / "output.txt") in raised.value.remedy


def test_an_expected_exit_code_is_a_success(context: FakeContext) -> None:
    assert run("shell.run", context, command=["sh", "-c", "exit 24"], exit_codes=[0, 24]).outputs["exit_code"] == 24


def test_death_by_a_signal_is_named(context: FakeContext) -> None:
    with pytest.raises(StepError, match="was ended by signal 9"):
        run("shell.run", context, command="kill -9 $$", shell=True)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"command": ["no-such-program-here"]}, "No such file"),
        ({"command": ["true"], "cwd": "/no/such/directory"}, "there is no directory /no/such/directory"),
        ({"command": ["/etc/passwd"]}, "Permission denied"),
        ({"command": ["echo", "a\0b"]}, "null byte"),
        ({"command": ["echo", "x" * 5_000_000]}, "too long"),
    ],
)
def test_what_cannot_be_run_is_explained(context: FakeContext, parameters: dict[str, object], words: str) -> None:
    with pytest.raises(StepError, match=words):
        run("shell.run", context, **parameters)


@pytest.mark.parametrize(
    "parameters",
    [{"command": "ls -l"}, {"command": ["ls"], "shell": True}, {"command": []}, {"command": "", "shell": True}],
)
def test_shell_and_list_are_not_mixed_up(parameters: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        params_of("shell.run", **parameters)


def test_a_secret_split_over_writes_is_masked_everywhere(context: FakeContext) -> None:
    context.masker = Masker([SECRET])
    script = f"printf correct-hor; sleep 0.2; printf 'se-battery and\\n'; echo {SECRET} >&2; exit 1"
    with pytest.raises(StepError) as raised:
        run("shell.run", context, command=script, shell=True)
    assert raised.value.lines == ("*** and", "***")
    assert output(context) == b"*** and\n***\n"
    assert SECRET not in str(raised.value)


def test_binary_output_is_kept_byte_by_byte(context: FakeContext) -> None:
    every = bytes(range(256)) * 400
    program = "import sys; sys.stdout.buffer.write(bytes(range(256)) * 400)"
    result = run("shell.run", context, command=[sys.executable, "-c", program])
    assert output(context) == every
    assert all(len(line) <= 400 for line in result.lines)


def test_a_huge_line_is_cut_for_the_journal(context: FakeContext) -> None:
    result = run("shell.run", context, command=["sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x; echo; echo end"])
    assert len(output(context)) == 3_000_005
    assert [len(line) for line in result.lines] == [400, 3]


def test_a_progress_bar_leaves_its_last_state(context: FakeContext) -> None:
    assert run("shell.run", context, command=["printf", "10%%\\r50%%\\r100%%\\n"]).lines == ("100%",)


def test_much_output_needs_little_memory(context: FakeContext) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    run("shell.run", context, command=["sh", "-c", "yes 0123456789abcdef | head -c 104857600"])
    assert (context.directory / "output.txt").stat().st_size == 104_857_600
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 10_000  # kB


# Both ways to escape: a background job of the group, and a daemon with a session of its own. Each ignores SIGTERM.
STUBBORN = """
trap '' TERM
sleep 300 & echo $!
setsid sh -c 'trap "" TERM; echo $$; touch daemon; sleep 300' &
until [ -e daemon ]; do sleep 0.02; done
echo ready
touch there
wait
"""


def stop_once_there(path: Path, context: FakeContext, by: str = "deadline") -> None:
    """Stop the step as soon as its command has written a file, by a deadline that is over or as the runner does."""

    def stop() -> None:
        while not path.exists():
            time.sleep(0.02)
        if by == "deadline":
            context.seconds = 0
        else:
            context.cancel()

    threading.Thread(target=stop, daemon=True).start()


@pytest.mark.parametrize("by", ["deadline", "cancel"])
def test_a_command_that_has_to_stop_takes_its_grandchildren_along(context: FakeContext, by: str) -> None:
    stop_once_there(context.artifacts / "there", context, by)
    began = time.monotonic()
    with pytest.raises(Cancelled) as raised:
        run("shell.run", context, command=STUBBORN, shell=True, cwd=str(context.artifacts))
    assert time.monotonic() - began < 60
    *pids, ready = raised.value.lines
    assert ready == "ready"
    assert len(pids) == 2
    assert not [pid for pid in pids if is_alive(int(pid))]


def test_a_polite_command_may_tidy_up(context: FakeContext) -> None:
    stop_once_there(context.artifacts / "there", context)
    began = time.monotonic()
    with pytest.raises(Cancelled) as raised:
        run("shell.run", context, command="trap 'echo tidy > tidied; exit' TERM; sleep 300 & : > there; wait",
            shell=True, cwd=str(context.artifacts))  # fmt: skip
    assert time.monotonic() - began < 60
    assert (context.directory / "tidied").exists()
    assert raised.value.artifacts == ()


def test_other_processes_are_left_alone(context: FakeContext) -> None:
    context.seconds = 0.3
    with subprocess.Popen(["sleep", "30"]) as bystander:
        with pytest.raises(Cancelled):
            run("shell.run", context, command=["sleep", "300"])
        assert bystander.poll() is None
        bystander.kill()


def test_a_background_process_does_not_hold_the_step_up(context: FakeContext) -> None:
    began = time.monotonic()
    result = run("shell.run", context, command="sleep 30 & echo $!", shell=True)
    assert time.monotonic() - began < 20
    (pid,) = result.lines
    assert is_alive(int(pid))
    os.kill(int(pid), 9)


def test_a_command_that_closes_its_output_is_waited_for(context: FakeContext) -> None:
    began = time.monotonic()
    run("shell.run", context, command="exec >&- 2>&-; sleep 0.6", shell=True)
    assert time.monotonic() - began >= 0.6


def test_a_command_cannot_ask_questions_at_the_terminal(tmp_path: Path) -> None:
    program = (
        "from pathlib import Path; from drx.errors import StepError; from tests.actions.context import *\n"
        f"context = FakeContext(Path({str(tmp_path)!r}))\n"
        "try: run('shell.run', context, command=['sh', '-c', 'read x < /dev/tty'])\n"
        "except StepError as error: print('failed:', error.lines)\n"
    )
    with pexpect.spawn(sys.executable, ["-c", program], cwd=Path(__file__).parents[2], timeout=10) as terminal:
        terminal.expect("failed:.*/dev/tty")


def test_without_pidfd_it_works_all_the_same(context: FakeContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pidfd_open")
    assert run("shell.run", context, command="echo a; exec >&- 2>&-; sleep 0.3", shell=True).lines == ("a",)


def test_a_full_disk_ends_the_command(context: FakeContext) -> None:
    context.artifacts.joinpath("output.txt").symlink_to("/dev/full")
    began = time.monotonic()
    with pytest.raises(StepError, match="its output cannot be kept: No space left"):
        run("shell.run", context, command="echo text; exec sleep 300", shell=True)
    assert time.monotonic() - began < 60


def test_by_hand_is_the_same_command(tmp_path: Path) -> None:
    action = registered("shell.run")
    assert action.by_hand is not None
    params: Params = params_of("shell.run", command=["cat", "-"], cwd=str(tmp_path), stdin="a 'b'", env={"A": "1 2"})
    assert subprocess.check_output(action.by_hand(params, Environment()), shell=True, text=True) == "a 'b'"


def test_many_commands_leak_no_descriptor(context: FakeContext) -> None:
    run("shell.run", context, command=["true"], stdin="x")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(100):
        run("shell.run", context, command=["true"], stdin="x")
    assert len(os.listdir("/proc/self/fd")) == before
