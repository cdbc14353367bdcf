"""Ask a person the few things that a first drx.yaml needs. Reaches no server, writes nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from drx.starter.answers import (
    OTHER_REGION,
    RAILWAY_TOKEN,
    Answers,
    Atlas,
    Bucket,
    Host,
    LocalHost,
    Production,
    RailwayHost,
    SystemdHost,
    Zone,
    sandbox_answers,
)
from drx.starter.reading import (
    database_in,
    host_of,
    read_bucket,
    read_cluster,
    read_database,
    read_line,
    read_name,
    read_place,
    read_repository,
    read_service,
    read_span,
    read_ssh,
    read_unit,
    read_url,
    read_variable,
    read_zone,
)
from drx.ui.prompts import Prompts

T = TypeVar("T")
_LABEL_WIDTH = 22
_NONE = "none"


@dataclass(frozen=True)
class Questionnaire:
    """Puts the questions, each with what it is for, and says what was answered."""

    prompts: Prompts
    say: Callable[[str], None]
    environ: Mapping[str, str]
    """Tells which variables are set now; only the name of the database is read out of one, and no secret."""

    _given: dict[str, str] = field(default_factory=dict)
    """What was answered, by question: where all is asked once more, Enter keeps it."""

    def ask(self, suggested: str) -> Answers:
        """Ask everything, until a person says that it is right; `suggested` is the name that the service may have.

        Raises KeyboardInterrupt and EOFError as the prompts do.
        """
        labels = ("Yes: try the connections, and write the files", "No: ask once more, Enter keeps an answer")
        while True:
            answers = self._ask_all(suggested)
            if self.prompts.choose("Is this right?", labels) == 0:
                return answers
            self.say("")

    def _ask_all(self, suggested: str) -> Answers:
        why = "Backups, reports and messages carry its name."
        service = self._line("service", f"What is the service called? {why}", read_service, suggested)
        first = sandbox_answers(service)
        labels = ("There is a production to protect", "Not yet: a sandbox to practise on is all for now")
        if self.prompts.choose("What do you have?", labels):
            self.say(f"{'production':<{_LABEL_WIDTH}} not yet")
            return first
        why = "A recovery is held against it."
        rto = self._line("RTO", f"Within what time must the service be back? {why}", read_span, first.rto)
        why = "The oplog is archived that often."
        rpo = self._line("RPO", f"How much of the newest data may be lost, at most? {why}", read_span, first.rpo)
        mongo_variable, database = self._mongo(service)
        text = "Which bucket holds the users' files? NAME or NAME@REGION; its objects are backed up too."
        uploads = self._optional("uploads", text, read_bucket)
        text = f"Where do backups go? A bucket (NAME or NAME@REGION), or a directory such as /srv/{service}-backups"
        primary = self._line(
            "backups", text, read_place, first.primary.name if isinstance(first.primary, Bucket) else ""
        )
        text = (
            "Where does a second copy go, out of reach of what may take the first: another region, account or disk? "
            f"Such as {service}-backups-copy@{OTHER_REGION}"
        )
        copy = self._optional("second copy", text, read_place)
        endpoint = self._endpoint((uploads, primary, copy))
        host = self._host(service)
        why = "It ends the clock of a recovery."
        text = f"Which address answers 200 only while the service works? {why} (like https://{service}.example/healthz)"
        health_url = self._line("health page", text, read_url)
        text = "Where do people talk in an incident? Runbooks send them there."
        channel = self._line("channel", text, read_line, first.channel)
        atlas, zone, repository, staging = self._more(health_url)
        production = Production(mongo_variable, database, health_url, uploads, host, endpoint, atlas, zone, repository)
        return Answers(service, rto, rpo, channel, primary, copy, production, staging)

    def _more(self, health_url: str) -> tuple[Atlas | None, Zone | None, str | None, str | None]:
        """Ask what most services lack: one key passes all of it by."""
        labels = ("No, or not now: drx.yaml takes them at any time", "Yes: four more questions, Enter means none")
        text = "Is there a cluster at Atlas, a name at Cloudflare or Route 53, a GitHub repository, or a staging?"
        if not self.prompts.choose(text, labels):
            return None, None, None, None
        text = "Which cluster at Atlas is the database? PROJECT_ID/NAME; a self-hosted one is none."
        atlas = self._optional("Atlas", text, read_cluster)
        text = "In which DNS zone does the application's name stand? cloudflare:ZONE_ID or route53:ZONE_ID"
        found, zone = self._optional("DNS zone", text, read_zone), None
        if found:
            zone = Zone(*found, self._line("", "Which name in it may drx change?", read_name, host_of(health_url)))
        repository = self._optional("GitHub", "From which repository is it deployed? OWNER/NAME", read_repository)
        text = "Which variable holds the address of a staging's database, where drills may do harm? Only its name."
        return atlas, zone, repository, self._optional("staging", text, read_variable)

    def _mongo(self, service: str) -> tuple[str, str]:
        variable = self._variable("database", "the address of the production database (mongodb://...)", "DATABASE_URL")
        database = database_in(self.environ.get(variable, "")) or service
        text = "What is the database called on that server?"
        return variable, self._line("", text, read_database, database)

    def _endpoint(self, places: tuple[object, ...]) -> str | None:
        if not any(isinstance(place, Bucket) for place in places):
            return None
        text = "Which S3 server has the buckets? Its address, where it is not AWS."
        return self._optional("S3 server", text, read_url, otherwise="AWS")

    def _host(self, service: str) -> Host | None:
        labels = (
            "On another machine, as a unit of systemd",
            "At Railway",
            "On this machine, from a directory",
            "Elsewhere: people restart and deploy it, and the runbooks ask them to",
        )
        match self.prompts.choose("Where does the application run? Runbooks restart it and set its variables.", labels):
            case 0:
                ssh = self._line("application", "Where does ssh log in? USER@HOST", read_ssh)
                return SystemdHost(ssh, self._line("", "Which unit is it?", read_unit, f"{service}.service"))
            case 1:
                project, environment, itself = (
                    self._line(f"Railway's {name}", f"Which id has the {name} at Railway?", read_line)
                    for name in ("project", "environment", "service")
                )
                return RailwayHost(project, environment, itself, self._variable("token", "its token", RAILWAY_TOKEN))
            case 2:
                return LocalHost(self._line("application", "In which directory? As seen from here.", read_line, "app"))
            case _:
                self.say(f"{'application':<{_LABEL_WIDTH}} people look after it")
                return None

    def _variable(self, label: str, what: str, default: str) -> str:
        text = f"Which variable holds {what}? Only its name: secrets are never typed here."
        name = self._line("", text, read_variable, default, quiet=True)
        state = "set now" if self.environ.get(name) else "not set now"
        self.say(f"{label:<{_LABEL_WIDTH}} ${{{name}}} ({state})")
        return name

    def _optional(self, label: str, text: str, read: Callable[[str], T], otherwise: str = _NONE) -> T | None:
        def reading(answer: str) -> T | None:
            return None if answer == otherwise else read(answer)

        return self._line(label, text, reading, otherwise)

    def _line(self, label: str, text: str, read: Callable[[str], T], default: str = "", *, quiet: bool = False) -> T:
        question = text.partition("?")[0]
        default = self._given.get(question, default)
        hint = f" (Enter: {default})" if default else ""
        asked = f"{text}{hint}"
        while True:
            answer = self.prompts.line(asked).strip() or default
            if not answer:
                asked = f"This is needed. {text}"
                continue
            try:
                value = read(answer)
            except ValueError as error:
                asked = f"{str(error)[:1].upper()}{str(error)[1:]}.\n{text}{hint}"
                continue
            self._given[question] = answer
            if not quiet:
                self.say(f"{label:<{_LABEL_WIDTH}} {answer}")
            return value
