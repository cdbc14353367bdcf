"""The few questions of `drx init`: what is asked, what is taken, and that no secret is."""

import pytest

from drx.starter import (
    Answers,
    Atlas,
    Bucket,
    Directory,
    LocalHost,
    Production,
    RailwayHost,
    SystemdHost,
    Zone,
    sandbox_answers,
)
from drx.starter.reading import database_in
from drx.ui.questionnaire import Questionnaire
from tests.ui.screens import Scripted

SECRET = "hunter2"
NO_MORE = "No, or not now"
URI = f"mongodb://ann:{SECRET}@db1,db2/orders?tls=true"


class Interview:
    """A person who gives these answers, and what was said to them."""

    def __init__(self, *answers: str, more: tuple[str, ...] = (NO_MORE,), **environ: str) -> None:
        self.prompts = Scripted([*answers, *more, "Yes"])
        self.said: list[str] = []
        self.answers = Questionnaire(self.prompts, self.said.append, environ).ask("shop")
        assert self.prompts.answers == [], "not all was asked"

    @property
    def shown(self) -> str:
        """Everything that stood on the screen."""
        return "\n".join((*self.prompts.asked, *self.said))


def test_enter_takes_what_is_suggested() -> None:
    interview = Interview(
        "", "There is", "", "", "", "", "", "", "", "", "Elsewhere", "https://shop.example/healthz", ""
    )
    production = Production("DATABASE_URL", "shop", "https://shop.example/healthz")
    assert interview.answers == Answers("shop", "2h", "1h", "#ops-alerts", Bucket("shop-backups"), None, production)
    assert all(question.count("(Enter: ") <= 1 for question in interview.prompts.asked)


def test_everything_that_is_answered_is_taken() -> None:
    interview = Interview(
        "my-shop", "There is", "30m", "5m", "MONGO", "orders", "my-files@eu-west-1", "/srv/backups", "my-copy",
        "https://s3.shop.example", "On another", "ann@shop", "web.service", "https://my-shop.example/up",
        "the red phone",
    )  # fmt: skip
    production = Production(
        "MONGO", "orders", "https://my-shop.example/up", Bucket("my-files", "eu-west-1"),
        SystemdHost("ann@shop", "web.service"), "https://s3.shop.example",
    )  # fmt: skip
    assert interview.answers == Answers(
        "my-shop", "30m", "5m", "the red phone", Directory("/srv/backups"), Bucket("my-copy"), production
    )
    assert interview.said[0].split() == ["service", "my-shop"]
    assert "${MONGO} (not set now)" in interview.shown


def test_without_a_production_nothing_more_is_asked() -> None:
    interview = Interview("", "Not yet", more=())
    assert interview.answers == sandbox_answers("shop")
    assert len(interview.prompts.asked) == 3


def test_what_is_not_right_is_asked_once_more_and_enter_keeps_the_rest() -> None:
    first = [
        "",
        "There is",
        "45m",
        "",
        "MONGO",
        "",
        "my-files",
        "",
        "",
        "",
        "On this",
        "",
        "https://x/",
        "",
        NO_MORE,
        "No: ask",
    ]
    again = ["", "There is", "", "", "", "orders", "none", "", "", "", "On this", "", "", ""]
    interview = Interview(*first, *again)
    production = Production("MONGO", "orders", "https://x/", None, LocalHost("app"))
    assert interview.answers == Answers("shop", "45m", "1h", "#ops-alerts", Bucket("shop-backups"), None, production)
    assert interview.said.count("") == 1


@pytest.mark.parametrize(
    ("answers", "host"),
    [
        (["At Railway", "1", "2", "3", ""], RailwayHost("1", "2", "3", "RAILWAY_TOKEN")),
        (["On this", ""], LocalHost("app")),
    ],
)
def test_each_host_has_questions_of_its_own(answers: list[str], host: LocalHost | RailwayHost) -> None:
    before = ["", "There is", "", "", "", "", "", "./backups", ""]
    interview = Interview(*before, *answers, "https://shop.example/", "")
    assert interview.answers.production
    assert interview.answers.production.host == host
    assert "Which S3 server" not in interview.shown, "there is no bucket"


def test_a_wrong_answer_is_explained_and_asked_again() -> None:
    interview = Interview(
        "My Shop", "shop", "There is", "soon", "2h", "", URI, "", "", "", "", "", "", "Elsewhere",
        "", "shop", "https://x/", "",
    )  # fmt: skip
    again = [question for question in interview.prompts.asked if "\n" in question]
    assert [question.split("'")[1] for question in again if question.startswith("'")] == ["My Shop", "soon", "shop"]
    assert any(question.startswith("This is needed. Which address") for question in interview.prompts.asked)
    assert "Secrets are not typed here" in interview.shown
    assert SECRET not in interview.shown


def test_the_address_of_the_database_tells_its_name_and_nothing_else() -> None:
    rest = ["", "", "", "", "Elsewhere", "https://x/", ""]
    interview = Interview("", "There is", "", "", "", "", *rest, DATABASE_URL=URI)
    assert interview.answers.production
    assert interview.answers.production.database == "orders"
    assert "${DATABASE_URL} (set now)" in interview.shown
    assert SECRET not in interview.shown


def test_what_most_services_lack_is_asked_on_request() -> None:
    common = ["", "There is", "", "", "", "", "", "", "", "", "Elsewhere", "https://www.shop.example/up", ""]
    atlas = "5f1b2c3d4e5f6a7b8c9d0e1f/shop-eu"
    zone = ["shop.example", "azure:1", "cloudflare:0123", ""]
    more = ("Yes: four", "shop-eu", atlas, *zone, "https://github.com/shop/web.git", URI, "$STAGING_URL")
    interview = Interview(*common, more=more)
    production = interview.answers.production
    assert production
    assert production.atlas == Atlas("5f1b2c3d4e5f6a7b8c9d0e1f", "shop-eu")
    assert production.zone == Zone("cloudflare", "0123", "www.shop.example")
    assert production.repository == "shop/web"
    assert interview.answers.staging_variable == "STAGING_URL"
    assert SECRET not in interview.shown
    assert Interview(*common, more=("Yes: four", "", "", "", "")).answers == Interview(*common).answers


@pytest.mark.parametrize(
    ("uri", "database"),
    [(URI, "orders"), ("mongodb+srv://h/x", "x"), ("mongodb://h/?a=b", ""), ("mongodb://h/admin", ""), ("", "")],
)
def test_a_database_is_found_in_an_address(uri: str, database: str) -> None:
    assert database_in(uri) == database
