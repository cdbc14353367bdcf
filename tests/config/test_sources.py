"""Which variables, files and secrets a run reads, by setting; never what they hold."""

from pathlib import Path

from drx.config import PARTS, read_config, sources_beside, sources_of, sources_to_hide

TEXT = """\
service: shop
objectives: {rto: 2h, rpo: 1h}
secret_command: [/usr/bin/pass, show]
environments:
  production:
    protected: true
    mongo: {uri: "mongodb://${USER}:${PASSWORD}@db/?tls=true", database: shop}
    uploads: {bucket: "${UPLOADS}"}
    github: {repository: a/b, token: "secret:shop/github"}
  staging: {mongo: {uri: "${STAGING}", database: shop}}
  practice: {sandbox: true}
backups:
  primary: {s3: {bucket: b, access_key_id: AKIA, secret_access_key: "file:keys/primary"}}
  copies: [{s3: {bucket: c}}, {directory: offline}]
records: {s3: {bucket: records}}
notify: {on_failure: ["${HOOK}"]}
schedules: [{run: nightly, environment: production, cron: "0 3 * * *", ping: "${PING}"}]
"""


def test_what_a_run_reads_stands_by_setting(tmp_path: Path) -> None:
    config = read_config(TEXT.encode(), "drx.yaml", tmp_path)
    assert sources_of(config, "production", PARTS) == {
        "environments.production.mongo.uri": "variable USER, variable PASSWORD",
        "environments.production.uploads.bucket": "variable UPLOADS",
        "environments.production.github.token": "secret shop/github, by /usr/bin/pass",
        "backups.primary.s3.secret_access_key": "file keys/primary",
        "environments.production.uploads": "wherever boto3 finds keys",
        "backups.copies.0.s3": "wherever boto3 finds keys",
    }
    assert sources_beside(config) == {
        "notify.on_failure.0": "variable HOOK",
        "schedules.0.ping": "variable PING",
        "records.s3": "wherever boto3 finds keys",
    }
    assert sources_of(config, "production", ("github",)) == {
        "environments.production.github.token": "secret shop/github, by /usr/bin/pass"
    }
    assert sources_of(config, "practice", PARTS) == {}, "a sandbox has servers of its own"


def test_of_other_environments_only_what_can_be_read_counts(tmp_path: Path) -> None:
    config = read_config(TEXT.encode(), "drx.yaml", tmp_path)
    assert sources_to_hide(config, {}) == {}
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "primary").write_text("s3cr3t")
    found = sources_to_hide(config, {"STAGING": "mongodb://u:p4ssw0rd@db/", "UPLOADS": "images", "PING": "https://x/y"})
    assert found == {
        "environments.staging.mongo.uri": "variable STAGING",
        "backups.primary.s3.secret_access_key": "file keys/primary",
        "schedules.0.ping": "variable PING",
    }
