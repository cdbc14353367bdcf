"""drx.yaml: found, read with every problem at its position, and copied for a record."""

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drx.config import find_config, load_config, read_config
from drx.config.providers import LocalHost
from drx.errors import InvalidInput, UsageError
from drx.yaml_source import InvalidDocument

EXAMPLE = Path(__file__).parents[2] / "drx.yaml"
SMALL = "service: shop\nobjectives: {rto: 2h, rpo: 1h}\nenvironments:\n  staging: {}\n"


def problems(text: str) -> list[str]:
    """What is wrong with a drx.yaml."""
    with pytest.raises(InvalidDocument) as caught:
        read_config(text.encode(), "drx.yaml", Path("/project"))
    return [str(problem) for problem in caught.value.problems]


def test_the_example_loads_without_any_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXAMPLE.parent)
    config = load_config(find_config(EXAMPLE.parent / "drx" / "config"))
    assert config.settings.service == "pixelcraft"
    assert config.settings.environments["production"].protected
    assert config.settings.environments["sandbox"].sandbox
    assert config.settings.contacts["channel"] == "#ops-alerts"
    assert config.document.source == "drx.yaml"


def test_the_nearest_one_above_is_found(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "drx.yaml").write_text(SMALL)
    assert find_config(inner) == tmp_path / "drx.yaml"
    (tmp_path / "a" / "drx.yaml").write_text(SMALL)
    assert find_config(inner) == tmp_path / "a" / "drx.yaml"


def test_none_at_all_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Make one"):
        find_config(tmp_path)


def test_a_directory_that_is_gone_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(UsageError, match="is gone"):
        find_config(Path())


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read: Is a directory"):
        load_config(tmp_path)


@pytest.mark.parametrize(
    ("added", "expected"),
    [
        ("", "drx.yaml:4:3: "),
        ("colour: red\n", "drx.yaml:5:1: unknown key 'colour'"),
        ("backups: {primary: {}}\n", "a store is a bucket or a directory. Write either s3"),
        ("backups: {primary: {directory: a, s3: {bucket: b}}}\n", "a store is a bucket or a directory"),
        ("records: {}\n", "this says nothing. Write s3: {bucket: ...}, group: NAME, or both"),
        ("roles: {lead: []}\n", "drx.yaml:5:15: "),
        ("roles: {lead: anna}\n", "drx.yaml:5:15: "),
        ("roles: {lead: [anna, 'the boss']}\n", "drx.yaml:5:22: entry 2 of 'lead': this is no account of a host"),
        ("roles: {lead: ['uid:x']}\n", "this is no account of a host"),
        ("schedules: [{cron: '0 3 * * *'}]\n", "a schedule runs one thing"),
        ("notify: {channels: [{url: 'mailtos://me:s3cret@mail.example'}]}\n", "'url' holds a secret"),
        ("notify: {on_failure: ['https://me:s3cret@hook.example']}\n", "'on_failure' holds a secret"),
        ("schedules: [{run: nightly, cron: daily}]\n", "a schedule has five parts"),
        ("schedules: [{run: nightly, cron: '61 3 * * *'}]\n", "this schedule is none: bad minute"),
        ("schedules: [{run: nightly, cron: '0 3 L * *'}]\n", "not everything that runs schedules reads 'L'"),
        ("schedules: [{run: nightly, cron: '0 3 * * 1#2'}]\n", "not everything that runs schedules reads '1#2'"),
        ("schedules: [{run: nightly, cron: '5/10 * * * *'}]\n", "reads '5/10'. Write numbers, 1-5, 5-59/10 or */10"),
        ("schedules: [{run: nightly, cron: '0 3 * * 5-7'}]\n", "Write 0 or SUN for Sunday"),
        ("schedules: [{run: nightly, cron: '0 3 31 2 *'}]\n", "this schedule is none: bad day"),
        ("schedules: [{run: nightly, cron: '0 3 * * *', timezone: Mars/Olympus}]\n", "there is no time zone"),
        ("schedules: [{run: nightly, cron: '0 3 * * *', timezone: ../../etc/passwd}]\n", "there is no time zone"),
        (
            "schedules:\n  - {drill: a, environment: stagin, cron: '0 3 * * *'}\n",
            "drx.yaml:6:29: there is no environment 'stagin'. Did you mean 'staging'?",
        ),
        ("notify: {on_failure: ['${HOOK']}\n", "drx.yaml:5:23: a reference is not complete. Write it like"),
        ("backups: {primary: {directory: 'file:'}}\n", "the name of the file is missing"),
    ],
)
def test_problems_stand_at_their_place(added: str, expected: str) -> None:
    if not added:
        read_config(SMALL.encode(), "drx.yaml", Path("/project"))
        return
    assert any(expected in problem for problem in problems(SMALL + added)), problems(SMALL + added)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ("{sandbox: true, protected: true}", "a sandbox's servers are its own. Write only sandbox: true"),
        ("{mongo: {uri: localhost, database: shop}}", "this is no address of a MongoDB server"),
        ("{mongo: {uri: '${U}', database: 'a b'}}", "this cannot be the name of a database"),
        ("{mongo: {uri: '${U}', database: local}}", "this database belongs to the server"),
        ("{mongo: {uri: '${U}'}}", "'database' is missing"),
        ("{health_url: example.com}", "this is no web address"),
        ("{host: {provider: magic, directory: .}}", "'provider' cannot be 'magic'. Write one of: local, railway, syst"),
        ("{host: {directory: .}}", "'provider' is missing. Add `provider: ...`"),
        ("{host: {provider: local}}", "'directory' is missing"),
        ("{host: {provider: local, directry: .}}", "unknown key 'directry'. Did you mean 'directory'?"),
        ("{host: {provider: railway, project: p, environment: e, service: s}}", "write either token or project_token"),
        ("{host: {provider: railway, project: p, environment: e, service: s, token: t}}", "'token' holds a secret"),
        ("{host: {provider: systemd, ssh: '-oProxyCommand=x', unit: a}}", "'ssh' cannot be"),
        ("{host: {provider: systemd, ssh: a, unit: 'a; rm b'}}", "'unit' cannot be"),
        ("{dns: {provider: cloudflare, zone: z, records: [a]}}", "a token is for cloudflare, and needed there"),
        ("{dns: {provider: route53, zone: z, records: [a], token: '${T}'}}", "route53 takes keys"),
        ("{dns: {provider: route53, zone: z, records: [a], access_key_id: k}}", "belong together"),
        ("{github: {repository: shop, token: '${T}'}}", "'repository' cannot be"),
        ("{github: {repository: a/b, token: '${T}', api: 'http://example.com'}}", "begins with https://"),
        ("{atlas: {project: x, cluster: c, client_id: i, client_secret: '${S}'}}", "'project' cannot be"),
        ("{atlas: {project: '${P}', cluster: c, client_id: i}}", "client_id and client_secret of a service account"),
        ("{uploads: {bucket: b, access_key_id: AKIA1}}", "belong together"),
        ("{uploads: {bucket: b, owner: 123456789012}}", "is read as a number where text is expected"),
        ("{mongo: {uri: 'mongodb://u:s3cret@h', database: shop}}", "'uri' holds a secret. Keep it out of this file"),
        ("{mongo: {uri: 'mongodb://u:s3cret@${HOST}', database: shop}}", "'uri' holds a secret"),
        ("{uploads: {bucket: b, access_key_id: A, secret_access_key: s3cret}}", "'secret_access_key' holds a secret"),
        ("{health_url: 'https://h/?token=s3cret'}", "'health_url' holds a secret"),
    ],
)
def test_problems_of_an_environment(environment: str, expected: str) -> None:
    found = problems(SMALL.replace("staging: {}", f"staging: {environment}"))
    assert any(expected in problem for problem in found), found
    assert "s3cret" not in "".join(found)


@pytest.mark.parametrize("uri", ["mongodb://h/", "mongodb://u:${P}@h/", "file:x", "${U}", "mongodb://u@h/?tls=true"])
def test_an_address_without_a_secret_may_stand_there(uri: str) -> None:
    text = SMALL.replace("{}", f"{{mongo: {{uri: '{uri}', database: shop}}}}")
    assert read_config(text.encode(), "drx.yaml", Path("/project")).settings.environments["staging"].mongo


def test_a_drill_is_not_scheduled_where_none_may_run() -> None:
    text = SMALL.replace("{}", "{protected: true}")
    found = problems(text + "schedules:\n  - {drill: a, environment: staging, cron: '0 3 * * *'}\n")
    assert found == ["drx.yaml:6:29: 'staging' is protected: no drill runs there. Name another environment"]


def test_all_problems_come_at_once_in_the_order_of_the_file() -> None:
    found = problems(
        "service: Shop\nobjectives: {rto: 90, rpo: 1h}\nenvironments: {a: {mongo: {uri: '${A', database: x}}}\n"
    )
    assert [problem.split(":")[1] for problem in found] == ["1", "2", "3"]


def test_the_copy_for_a_record_means_the_same_anywhere(tmp_path: Path) -> None:
    text = SMALL.replace(
        "{}", '{mongo: {uri: "file:secrets/uri", database: shop}, host: {provider: local, directory: app}}'
    )
    text += 'backups: {primary: {directory: offline}, copies: [{directory: "${DISK}/drx"}, {directory: /mnt/x}]}\n'
    text += 'contacts: {channel: "#ops: 🔥", directory: here}\nschedules: [{run: nightly, cron: "0 3 * * *"}]\n'
    original = read_config(text.encode(), "drx.yaml", tmp_path)
    kept = json.dumps(original.frozen(), ensure_ascii=False).encode()
    copy = read_config(kept, "frozen/drx.json", Path("/elsewhere"))
    staging = copy.settings.environments["staging"]
    assert staging.mongo is not None
    assert staging.mongo.uri == f"file:{tmp_path}/secrets/uri"
    assert isinstance(staging.host, LocalHost)
    assert staging.host.directory == f"{tmp_path}/app"
    assert copy.settings.backups is not None
    assert copy.settings.backups.primary.directory == f"{tmp_path}/offline"
    assert [store.directory for store in copy.settings.backups.copies] == ["${DISK}/drx", "/mnt/x"]
    assert copy.settings.contacts == {"channel": "#ops: 🔥", "directory": "here"}
    assert copy.settings.objectives == original.settings.objectives
    assert copy.settings.schedules == ()
    assert original.document.data["schedules"], "the original must not change"


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: (SMALL + text).encode()))
def test_nothing_that_is_read_breaks_it(data: bytes) -> None:
    with suppress(InvalidDocument):
        read_config(data, "drx.yaml", Path("/project"))


def test_a_trap_hides_no_other_problem() -> None:
    text = "service: Shop\nobjectives: {rto: 1:30, rpo: 1h}\nenvironments: {lab: {tiemout: 5s}}\n"
    with pytest.raises(InvalidDocument) as caught:
        read_config(text.encode(), "drx.yaml", Path())
    assert [problem.line for problem in caught.value.problems] == [1, 2, 3]
