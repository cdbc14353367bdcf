"""What is typed into MongoDB's own tools: the server's address, and where a replay stops."""

import os
import subprocess

import pytest

from drx.actions.by_hand.dump_tools import SERVER_FUNCTION
from drx.config.model import Environment
from tests.actions.context import params_of, registered


@pytest.mark.parametrize(
    ("address", "server"),
    [
        ("mongodb://h1,h2/shop?retryWrites=true", "mongodb://h1,h2/?retryWrites=true"),
        ("mongodb://h1/?directConnection=true", "mongodb://h1/?directConnection=true"),
        ("mongodb://h1", "mongodb://h1"),
        ("mongodb://me:p%40w@h1/shop", "mongodb://me:p%40w@h1/?authSource=shop"),
        ("mongodb://me:p@h1/shop?tls=true", "mongodb://me:p@h1/?authSource=shop&tls=true"),
        ("mongodb://me:p@h1/shop?authSource=admin", "mongodb://me:p@h1/?authSource=admin"),
        ("mongodb://me:p@h1/?authSource=admin", "mongodb://me:p@h1/?authSource=admin"),
        ("mongodb+srv://me:p@c1.example/shop?w=majority", "mongodb+srv://me:p@c1.example/?w=majority"),
    ],
)
def test_the_server_is_asked_without_the_database_and_by_the_same_account(address: str, server: str) -> None:
    script = "\n".join((*SERVER_FUNCTION, "server"))
    shown = subprocess.check_output(["bash", "-c", script], env={**os.environ, "MONGO_URI": address}, text=True)
    assert shown == server + "\n"


@pytest.mark.parametrize(
    ("at", "limit"),
    [
        (None, []),
        ("2026-11-21T08:00:00Z", ["1795248001:0"]),
        ({"before": "1795248000.0000000002"}, ["1795248000:0000000002"]),
        ({"up_to": "1795248000.0000000002"}, ["1795248000:3"]),
        ({"before": "$FOUND_TS"}, ["1795248000:7"]),
        ({"up_to": "$FOUND_TS"}, ["1795248000:8"]),
        ({"before": {"drop": "images"}}, ["1:2"]),
    ],
)
@pytest.mark.parametrize("written", ["1795248000.0000000007", "1795248000:7"])
def test_a_replay_stops_where_the_restore_does(at: object, limit: list[str], written: str) -> None:
    by_hand = registered("mongo.restore").by_hand
    assert by_hand is not None
    typed = by_hand(params_of("mongo.restore", at=at, into="shop_recovered"), Environment())
    (line,) = [line for line in typed.splitlines() if "--dir replay" in line]
    script = f'mongorestore() {{ printf "%s\\n" "${{@:6}}"; }}\n{line}'
    known = {**os.environ, "OTHER_URI": "mongodb://other", "FOUND_TS": written, "FOUND": "1:2"}
    shown = subprocess.check_output(["bash", "-c", script], env=known, text=True).split()
    assert [":".join(str(int(part)) for part in one.split(":")) for one in shown[1:]] == [
        ":".join(str(int(part)) for part in one.split(":")) for one in limit
    ]
