"""`drx init`: at a terminal and without one, against real servers, and from an installed wheel."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from pymongo.database import Database

from drx.cli.app import run
from drx.cli.init import shipped, write
from drx.errors import ExitCode, UsageError
from drx.starter import Answers, Directory, Production, sandbox_answers
from drx.starter.given import NAMES
from tests.servers import free_port
from tests.starter.projects import answers, starter_of
from tests.terminal import CTRL_C, DOWN, ENTER, LARGE, SMALL, drx

Capture = pytest.CaptureFixture[str]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the current one."""
    folder = tmp_path / "My Shop"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_a_sandbox_is_ready_without_a_question(folder: Path, capsys: Capture) -> None:
    assert run(["init", "--sandbox-only"]) == ExitCode.OK
    shown = capsys.readouterr().out
    assert shown.startswith("\nWritten: drx.yaml, .gitignore, ")
    assert re.search(r", \d+ drills, \d+ runbooks\.\n", shown)
    assert "drx drill db-drop --env sandbox" in shown
    assert "files checked" in shown
    assert all(len(line) <= 80 for line in shown.split("Next")[1].splitlines())
    assert (folder / "drx.yaml").read_text().startswith("# What my-shop runs on")
    assert (folder / "drx.yaml").stat().st_mode & 0o777 == 0o644
    assert {f"{path.parent.name}/{path.name}" for path in folder.glob("*/*.yaml")} == set(shipped())


def test_every_runbook_and_drill_of_this_repository_is_shipped() -> None:
    here = {
        f"{path.parent.name}/{path.name}" for kind in ("runbooks", "drills") for path in (ROOT / kind).glob("*.yaml")
    }
    assert set(shipped()) == here, "link the missing ones: ln -s ../../../../KIND/NAME.yaml drx/starter/shipped/KIND/"


def test_lines_are_named_of_what_was_written_alone(folder: Path, capsys: Capture) -> None:
    given = ["--input", "health=https://127.0.0.1:9/", "--input", "mongo=NOT_SET"]
    (folder / "runbooks").mkdir()
    (folder / "runbooks" / "db-drop.yaml").write_text("runbook: db-drop\n")
    run(["init", "--service", "shop", *given])
    assert "make\nthese lines speak of yours" not in capsys.readouterr().out
    for name in ("drx.yaml", "runbooks/db-drop.yaml"):
        (folder / name).unlink()
    run(["init", "--service", "shop", *given])
    shown = capsys.readouterr().out
    assert "make\nthese lines speak of yours:\n  runbooks/db-drop.yaml  " in shown


def test_what_is_there_stays(folder: Path, capsys: Capture) -> None:
    (folder / "runbooks").mkdir()
    mine = folder / "runbooks" / "db-drop.yaml"
    mine.write_text("runbook: db-drop\n")
    assert run(["init", "--sandbox-only", "--service", "shop"]) == ExitCode.INVALID
    shown = capsys.readouterr().out
    assert "kept as it was: runbooks/db-drop.yaml" in shown
    assert "runbooks/db-drop.yaml:1:1" in shown, "it is checked like the others"
    assert mine.read_text() == "runbook: db-drop\n"

    before = (folder / "drx.yaml").read_bytes()
    assert run(["init", "--sandbox-only"]) == ExitCode.USAGE
    assert "drx.yaml is here already" in capsys.readouterr().err
    assert (folder / "drx.yaml").read_bytes() == before


def test_a_project_above_is_named(folder: Path, capsys: Capture) -> None:
    (folder.parent / "drx.yaml").write_text("service: other")
    assert run(["init", "--sandbox-only"]) == ExitCode.OK
    assert f"There is {folder.parent / 'drx.yaml'} already." in capsys.readouterr().out


def test_nobody_to_ask(folder: Path, capsys: Capture) -> None:
    assert run(["init"]) == ExitCode.HUMAN_NEEDED
    assert "drx init --sandbox-only" in capsys.readouterr().err
    assert run(["init", "--sandbox-only", "--service", "My Shop"]) == ExitCode.USAGE
    assert "--service: 'My Shop' is no name" in capsys.readouterr().err
    assert list(folder.iterdir()) == []


def test_answers_by_name_need_nobody(folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_URL", "mongodb://127.0.0.1:9/orders?serverSelectionTimeoutMS=100")
    health = f"http://127.0.0.1:{free_port()}/healthz"
    inputs = [f"health={health}", "mongo=SHOP_URL", f"backups={folder}/backups", "rto=90m", "github=shop/shop"]
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    assert run(["init", *(f"--input={each}" for each in inputs)]) == ExitCode.OK
    shown = capsys.readouterr().out
    for part in ("database", "backups", "GitHub", "health page"):
        assert re.search(f"not yet  {part} ", shown), shown
    assert "files checked" in shown
    text = (folder / "drx.yaml").read_text()
    assert 'mongo: {uri: "${SHOP_URL}", database: orders}' in text
    assert "objectives: {rto: 90m, rpo: 1h}" in text
    assert "primary: {directory: " in text


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        (["backups=shop"], "health is needed: the address that answers 200"),
        (["helth=x"], "helth is asked nowhere. Did you mean 'health'?"),
        (["health=here"], "health: 'here' is no address"),
        (["health=https://a.b/", "host=moon"], "host: 'moon' is no host. Write systemd:USER@HOST/UNIT"),
        (["health"], "'health' is no input"),
    ],
)
def test_answers_by_name_that_are_none_write_nothing(
    folder: Path, capsys: Capture, inputs: list[str], said: str
) -> None:
    assert run(["init", *(f"--input={each}" for each in inputs)]) == ExitCode.USAGE
    assert said in capsys.readouterr().err
    assert run(["init", "--sandbox-only", *(f"--input={each}" for each in inputs)]) == ExitCode.USAGE
    assert list(folder.iterdir()) == []


def test_the_help_lists_every_answer(capsys: Capture) -> None:
    run(["init", "--help"])
    assert ", ".join(NAMES) in " ".join(capsys.readouterr().out.split())


def test_all_is_written_or_nothing(folder: Path) -> None:
    (folder / "runbooks").write_text("in the way")
    with pytest.raises(UsageError, match="cannot be written"):
        write({"drx.yaml": "x", "drills/a.yaml": "x", "runbooks/a.yaml": "x"}, folder)
    assert [path.name for path in folder.iterdir()] == ["runbooks"]


@pytest.mark.slow
def test_a_person_answers_and_is_told_what_comes_next(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    (folder / "backups").mkdir()
    terminal = drx(folder, "init")
    for question, keys in (
        ("What is the service called?", [ENTER]),
        ("What do you have?", [ENTER]),
        ("Within what time", [ENTER]),
        ("may be lost", [ENTER]),
        ("Which variable holds", ["NO_SUCH_VARIABLE", ENTER]),
        ("called on that server?", [ENTER]),
        ("users' files", [ENTER]),
        ("Where do backups go?", ["backups/", ENTER]),
        ("a second copy", [ENTER]),
        ("application run?", [DOWN, DOWN, DOWN, ENTER]),
        ("works?", ["http://127.0.0.1:1/healthz", ENTER]),
        ("in an incident?", [ENTER]),
        ("repository, or a staging?", [DOWN, ENTER]),
        ("Which cluster at Atlas", [ENTER]),
        ("In which DNS zone", ["route53:Z0123", ENTER]),
        ("Which name in it", ["shop.example", ENTER]),
        ("From which repository", ["shop/shop", ENTER]),
        ("a staging's database", ["STAGING_URL", ENTER]),
        ("Is this right?", [ENTER]),
    ):
        terminal.see(question)
        assert not (folder / "drx.yaml").exists()
        terminal.type(*keys)
    assert terminal.end() == ExitCode.OK
    assert re.search("not yet  GitHub +the variable GITHUB_TOKEN is not set now", terminal.scrolled)
    assert re.search("not yet  staging +the variable STAGING_URL is not set now", terminal.scrolled)
    assert "Next\n  drx drill db-drop --env sandbox" in terminal.text
    assert "runbooks/db-drop.yaml" in terminal.text
    assert "Left out (s3-loss): there is no uploads bucket." in terminal.text
    text = (folder / "drx.yaml").read_text()
    assert 'uri: "${NO_SUCH_VARIABLE}", database: my-shop' in text
    assert "{run: hourly-incremental, environment: production" in text
    assert "dns: {provider: route53, zone: Z0123, records: [shop.example]}" in text
    assert 'github: {repository: shop/shop, token: "${GITHUB_TOKEN}"}' in text
    assert 'staging:\n    mongo: {uri: "${STAGING_URL}", database: my-shop}' in text
    assert not (folder / "runbooks" / "s3-loss.yaml").exists()


def test_answers_stay_on_the_screen_where_the_window_is_dragged_about(folder: Path) -> None:
    terminal = drx(folder, "init")
    terminal.answer("What is the service called?", "shop")
    terminal.choose("There is a production")
    for size in ((40, 10), LARGE, (33, 9), SMALL):
        terminal.drag(size)
    terminal.see_once("A dozen questions", "service                shop", "? Within what time")
    terminal.type(CTRL_C)
    assert terminal.end() == ExitCode.INTERRUPTED


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_ctrl_c_leaves_nothing_behind(folder: Path, term: str) -> None:
    terminal = drx(folder, "init", term=term)
    terminal.see("What is the service called?")
    terminal.type(ENTER)
    terminal.see("There is a production")
    terminal.type(CTRL_C)
    assert terminal.end() == ExitCode.INTERRUPTED
    assert list(folder.iterdir()) == []


@pytest.mark.slow
def test_an_installed_package_has_the_runbooks(folder: Path, tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-deps", "--no-index"]
    built, installed = tmp_path / "built", tmp_path / "installed"
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(built)], cwd=ROOT, check=True)
    (source,) = built.iterdir()
    command = [*pip, "wheel", str(source), *offline, "--no-build-isolation", "--wheel-dir", str(built)]
    subprocess.run(command, check=True)
    (wheel,) = built.glob("*.whl")
    subprocess.run([*pip, "install", str(wheel), *offline, "--target", str(installed)], check=True)
    program = "import drx, sys; from drx.cli.app import main; print(drx.__file__); main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "init", "--sandbox-only"],
        env={**os.environ, "PYTHONPATH": str(installed)}, cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(installed))
    assert {f"{path.parent.name}/{path.name}" for path in folder.glob("*/*.yaml")} == set(shipped())


@pytest.mark.slow
@pytest.mark.timeout(400)  # 50,000 images
@pytest.mark.parametrize("given", [sandbox_answers("shop"), answers()], ids=["sandbox", "production by hand"])
def test_what_was_written_is_drilled_at_once(folder: Path, capsys: Capture, given: Answers) -> None:
    write(starter_of(given).files, folder)
    assert run(["drill", "db-drop", "--env", "sandbox"]) == ExitCode.OK
    assert "PASSED" in capsys.readouterr().out


@pytest.mark.slow
def test_what_was_written_backs_a_production_up_and_proves_it(
    folder: Path, mongo_server: str, database: Database[dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service is none like the example: no images, no uploads, no host."""
    database.orders.insert_many([{"_id": number, "total": number * 3} for number in range(50)])
    monkeypatch.setenv("DATABASE_URL", mongo_server)
    production = Production("DATABASE_URL", database.name, "https://shop.example/healthz")
    given = replace(answers(primary=Directory("primary/"), copy=Directory("copy/")), production=production)
    for store in ("primary", "copy"):
        (folder / store).mkdir()
    write(starter_of(given).files, folder)
    assert run(["trust", "production", "--yes"]) == ExitCode.OK
    for runbook in ("nightly-backup", "hourly-incremental", "restore-test", "secrets-check"):
        assert run(["run", runbook, "--env", "production", "--unattended"]) == ExitCode.OK, runbook
