"""Whatever leads a drill in staging to production, it is refused before production is written to; the servers count."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from drx.errors import ExitCode
from tests import servers
from tests.drills.harness import Outcome, Project
from tests.drills.scene import DRILL, HOLD, KEYS, RUNBOOK, Scene, stocked
from tests.faulty import faulty
from tests.proxy import Proxy, proxied


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Staging's server."""
    with servers.mongo(tmp_path_factory.mktemp("staging"), "--oplog-max-entries", "10000") as uri:
        yield uri


@pytest.fixture
def scene(
    tmp_path: Path, mongo_server: str, own_server: str, s3_server: str, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Scene]:
    """Everything is as it should be, until a test plays its trick."""
    project = Project(tmp_path, tmp_path / "none")
    monkeypatch.setenv("PRODUCTION_URL", mongo_server)
    monkeypatch.setenv("SECRET", "test")
    for folder in ("drills", "runbooks"):
        (tmp_path / folder / "db-drop.yaml").unlink()
    for name, text in (("drills/lose.yaml", DRILL), ("runbooks/tidy.yaml", RUNBOOK), ("hold.py", HOLD)):
        project.write(name, text)
    with (
        stocked(mongo_server) as production,
        stocked(own_server) as staging,
        faulty(s3_server) as (faults, endpoint),
    ):
        own = f"{bucket}-own"
        servers.make_bucket(s3_server, own)
        scene = Scene(project, production, staging, s3_server, faults, (bucket, own))
        scene.configure(bucket=bucket, s3=s3_server, keys=KEYS, own=own, endpoint=endpoint, database="pixelcraft")
        scene.address(own_server)
        for name in ("production", "staging"):
            trusted = scene.drx("trust", name, "--yes")
            assert trusted.code == ExitCode.OK, trusted.screen
        scene.before = production.written()
        yield scene


def test_without_a_trick_the_drill_strikes_staging(scene: Scene) -> None:
    """Else the tests below could not fail."""
    outcome = scene.drill()
    assert outcome.code != ExitCode.REFUSED, outcome.screen
    assert scene.staging.written()[1] == 0, outcome.screen
    scene.untouched()


@pytest.mark.parametrize(
    "address",
    [
        "mongodb://localhost:{port}/",
        "mongodb://127.1:{port}/?directConnection=true&readPreference=secondaryPreferred&appName=staging",
        "mongodb://LOCALHOST:{port}/PixelCraft?directConnection=true",
        "mongodb://127.0.0.1:{proxy}/?directConnection=true",
        "mongodb://127.0.0.1:{own},127.0.0.1:{port}/",
        "mongodb://127.0.0.1:{port},127.0.0.1:{own}/",
    ],
)
def test_productions_database_under_another_address(scene: Scene, address: str) -> None:
    with proxied(scene.production.port) as proxy:
        scene.address(address.format(port=scene.production.port, own=scene.staging.port, proxy=proxy.port))
        scene.refused(scene.drill(), "mongo of 'staging' is a server of 'production', which is protected")
    assert not scene.project.records.exists()


def test_productions_database_in_other_letters(scene: Scene) -> None:
    scene.configure(database="PixelCraft")
    scene.address(scene.production.uri)
    scene.refused(scene.drill(), "is a server of 'production'")


def _forget_production(text: str) -> str:
    head, rest = text.split("  production:\n")
    return f"{head}  staging:\n" + rest.partition("  staging:\n")[2]


def _change_places(text: str) -> str:
    return text.replace("production:", "other:").replace("staging:", "production:").replace("other:", "staging:")


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (_forget_production, "nobody has trusted mongo of 'production' yet, so this server may be it"),
        (_change_places, "what drx.trust.yaml says of 'staging' is not what `drx trust` wrote"),
    ],
)
def test_a_trust_file_that_somebody_edited(scene: Scene, edit: Callable[[str], str], reason: str) -> None:
    scene.address(scene.production.uri)
    path = scene.project.root / "drx.trust.yaml"
    path.write_text(edit(path.read_text()))
    scene.refused(scene.drill(), reason)


def test_production_that_drx_yaml_no_longer_protects(scene: Scene) -> None:
    scene.project.change("drx.yaml", "    protected: true\n", "")
    scene.refused(scene.drx("drill", "lose", "--env", "production"), "was protected when it was trusted")
    scene.project.change("drx.yaml", "  production:\n", "  renamed:\n")
    scene.address(scene.production.uri)
    scene.refused(scene.drill(), "is a server of 'production', which is protected")


@pytest.mark.slow
def test_another_server_at_stagings_address(scene: Scene, tmp_path: Path) -> None:
    with servers.mongo(tmp_path / "other") as other, proxied(scene.staging.port) as proxy, stocked(other) as stranger:
        scene.address(f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true")
        before = stranger.written()
        proxy.lead_to(stranger.port)
        scene.refused(scene.drill(), "mongo of 'staging' is not the trusted server: this one is another one")
        assert stranger.written() == before


@contextmanager
def _held(scene: Scene, proxy: Proxy) -> Iterator[Callable[[], Outcome]]:
    """Have the drill wait in its set-up, past the first check; gives how to let it go on to its end."""
    scene.address(f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true")
    with scene.project.start("drill", "lose") as process:
        deadline = time.monotonic() + 30
        while not (scene.project.root / "held").exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)

        def go_on() -> Outcome:
            (scene.project.root / "go").touch()
            return scene.project.outcome(process, process.communicate(timeout=60)[0])

        yield go_on
        if process.poll() is None:
            process.kill()
            process.communicate()


def test_production_takes_stagings_place_between_check_and_write(scene: Scene) -> None:
    with proxied(scene.staging.port) as proxy, _held(scene, proxy) as go_on:
        proxy.lead_to(scene.production.port)
        scene.refused(go_on(), "mongo of 'staging' is a server of 'production', which is protected")


@pytest.mark.slow
def test_an_address_that_changes_between_check_and_write(scene: Scene) -> None:
    """It was read once: the drill goes on where it was let in."""
    with proxied(scene.staging.port) as proxy, _held(scene, proxy) as go_on:
        scene.address(scene.production.uri)
        outcome = go_on()
    assert scene.staging.written()[1] == 0, outcome.screen
    scene.untouched()


@pytest.mark.slow
@pytest.mark.parametrize("swapped", ["address", "server"])
def test_a_run_that_is_resumed_elsewhere(scene: Scene, swapped: str) -> None:
    with proxied(scene.staging.port) as proxy:
        with _held(scene, proxy):
            pass  # killed in its set-up
        if swapped == "address":
            scene.address(scene.production.uri)
        else:
            proxy.lead_to(scene.production.port)
        (scene.project.root / "go").touch()
        outcome = scene.drx("resume", "--unattended")
    assert outcome.code == ExitCode.REFUSED, outcome.screen
    scene.untouched()


def test_a_symbolic_link_to_drx_yaml(scene: Scene, tmp_path: Path) -> None:
    """Beside the link, nobody has trusted anything."""
    scene.address(scene.production.uri)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("drx.yaml", "drills", "runbooks", "hold.py", "staging.uri", "go"):
        (elsewhere / name).symlink_to(tmp_path / name)
    scene.project.root = elsewhere
    scene.refused(scene.drill(), "nobody has trusted mongo of 'production' yet, so this server may be it")


def test_productions_bucket_by_a_discreet_endpoint(scene: Scene) -> None:
    """The endpoint is another one, and tells neither who asks nor when the bucket was made: nothing is in common."""
    scene.s3_writes.discreet = True
    scene.configure(own=scene.buckets[0])
    assert scene.drx("trust", "staging", "--yes").code == ExitCode.OK
    scene.refused(scene.drill(), "uploads of 'staging' cannot be told apart from that of 'production'")


def test_productions_bucket_by_other_keys(scene: Scene) -> None:
    """Both reach it by one discreet endpoint, staging without a word about the account."""
    scene.s3_writes.discreet = True
    scene.configure(s3=scene.config["endpoint"], own=scene.buckets[0])
    text = (scene.project.root / "drx.yaml").read_text()
    owned = f"{{bucket: {scene.buckets[0]}, owner: '000000000000',"
    scene.project.write("drx.yaml", text.replace(f"{{bucket: {scene.buckets[0]},", owned, 1))
    assert scene.drx("trust", "production", "--yes").code == ExitCode.OK
    scene.refused(scene.drill(), "uploads of 'staging' is a server of 'production', which is protected")
