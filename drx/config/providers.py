"""Who runs the service's parts: hosts, the database's cluster, DNS, the code. Shapes only."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from drx.config.values import Api
from drx.fields import Model, Text

Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
"""Name of a variable."""


class LocalHost(Model):
    """The application runs on this machine, from a directory."""

    provider: Literal["local"]
    """A directory on this machine."""
    directory: Text
    """Directory of the application, relative to drx.yaml."""
    provision: tuple[Text, ...] = ()
    """Command, and its arguments, that makes the host anew: directory, releases and variables. The last line that it
    prints is the address that the host answers at."""


class RailwayProvision(Model):
    """What a service is made from that takes the place of a lost one."""

    service: Text
    """Name of the new service."""
    repository: Text
    """OWNER/NAME at GitHub, which Railway builds it from."""
    branch: Text = "main"
    """Branch that it is built from."""
    environment: Text | None = None
    """Name of the environment to make it in, which is made where there is none; without it, the host's own."""
    variables: dict[Variable, Text] = Field(default_factory=dict)
    """Variables that the application needs from its first start; secrets by reference."""


class RailwayHost(Model):
    """The application is a service at Railway."""

    provider: Literal["railway"]
    """Railway, by its GraphQL API."""
    project: Text
    """Id of the project."""
    environment: Text
    """Id of the environment at Railway."""
    service: Text
    """Id of the service."""
    token: Text | None = None
    """Token of an account or of a workspace."""
    project_token: Text | None = None
    """Instead: token of this project and environment, which reaches nothing else."""
    provision: RailwayProvision | None = None
    """What a service is made from that takes the place of a lost one."""
    api: Api = "https://backboard.railway.com"
    """Address of the API."""

    @model_validator(mode="after")
    def _one_token(self) -> Self:
        if (self.token is None) == (self.project_token is None):
            raise ValueError("write either token or project_token")
        return self


class SystemdProvision(Model):
    """What an empty machine gets, so that the application can be deployed on it."""

    unit_file: Text
    """The unit's file on this machine, relative to drx.yaml; it is put into /etc/systemd/system."""
    directory: Text = Field(pattern=r"^/")
    """The application's directory there, which is made."""
    variables: dict[Variable, Text] = Field(default_factory=dict)
    """What a new `environment_file` holds; secrets by reference."""


class SystemdHost(Model):
    """The application is a unit of systemd on a machine that ssh reaches with a key."""

    provider: Literal["systemd"]
    """systemd, over ssh."""
    ssh: Text = Field(pattern=r"^[^-\s]\S*$")
    """Where to log in: USER@HOST, or a Host of ~/.ssh/config."""
    unit: Text = Field(pattern=r"^[A-Za-z0-9:_.\\@$][A-Za-z0-9:_.\\@${}-]*$")
    """Name of the unit, such as pixelcraft.service."""
    deploy: tuple[Text, ...] = ()
    """Command on that machine, and its arguments, that puts a version in place; `{version}` is replaced."""
    roll_back: tuple[Text, ...] = ()
    """Command on that machine that puts the version before in place."""
    version: tuple[Text, ...] = ()
    """Command on that machine that prints the version in place: `[readlink, /srv/pixelcraft/current]`."""
    environment_file: Text | None = Field(default=None, pattern=r"^(/|\$\{)")
    """The unit's EnvironmentFile, where variables are set."""
    provision: SystemdProvision | None = None
    """What an empty machine gets, so that the application can be deployed on it."""
    sudo: bool = True
    """Run what changes something by `sudo -n`; for users who need no password for that."""
    ssh_config: Text | None = None
    """A configuration file for ssh, instead of ~/.ssh/config; relative to drx.yaml."""

    @model_validator(mode="after")
    def _variables_have_a_file(self) -> Self:
        if self.provision and self.provision.variables and self.environment_file is None:
            raise ValueError("provision.variables need environment_file, where they are written")
        return self


Host = Annotated[LocalHost | RailwayHost | SystemdHost, Field(discriminator="provider")]


class Atlas(Model):
    """The cluster of the database at MongoDB Atlas, as its Administration API knows it."""

    project: Text = Field(pattern=r"^([0-9a-f]{24}|\$\{.*|file:.*|secret:.*)$")
    """Id of the project: 24 hexadecimal digits."""
    cluster: Text
    """Name of the cluster."""
    restore_into: tuple[Text, ...] = ()
    """Clusters that a restore may wipe and fill, besides `cluster`: a name, or PROJECT_ID/NAME in another project."""
    client_id: Text | None = None
    """Id of the service account."""
    client_secret: Text | None = None
    """The secret that belongs to `client_id`."""
    public_key: Text | None = None
    """Public part of an API key, the older kind of credentials."""
    private_key: Text | None = None
    """The secret that belongs to `public_key`."""
    api: Api = "https://cloud.mongodb.com"
    """Address of the API."""

    @model_validator(mode="after")
    def _one_kind_of_credentials(self) -> Self:
        account = (self.client_id is not None, self.client_secret is not None)
        key = (self.public_key is not None, self.private_key is not None)
        if (account, key) not in (((True, True), (False, False)), ((False, False), (True, True))):
            raise ValueError("write client_id and client_secret of a service account, or public_key and private_key")
        return self


class Dns(Model):
    """The zone that the application's names stand in."""

    provider: Literal["cloudflare", "route53"]
    """Cloudflare by its REST API, or Amazon Route 53."""
    zone: Text
    """Id of the zone."""
    records: Annotated[tuple[Text, ...], Field(min_length=1)]
    """Names that may be changed from this environment: `[staging.pixelcraft.example]`."""
    token: Text | None = None
    """Cloudflare: a token; docs/providers.md says which rights it needs."""
    access_key_id: Text | None = None
    """Route 53: without it, boto3 looks for keys where it always does."""
    secret_access_key: Text | None = None
    """The secret that belongs to `access_key_id`."""
    api: Api | None = None
    """Address of the API, where it is not the provider's own."""
    resolver: Text | None = Field(default=None, pattern=r"^([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}$")
    """HOST:PORT of the resolver that `records` are looked up at, instead of the system's: `1.1.1.1:53`."""

    @model_validator(mode="after")
    def _own_credentials(self) -> Self:
        if (self.provider == "cloudflare") != (self.token is not None):
            raise ValueError("a token is for cloudflare, and needed there; route53 takes keys")
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key belong together. Write both, or neither")
        return self


class Github(Model):
    """The repository that the application is deployed from."""

    repository: Text = Field(pattern=r"^([A-Za-z0-9-]+/[A-Za-z0-9._-]+|\$\{.*|file:.*|secret:.*)$")
    """OWNER/NAME."""
    token: Text
    """A token; docs/providers.md says which rights it needs."""
    workflows: tuple[Text, ...] = ()
    """File names of the workflows that may be started from this environment: `[deploy-staging.yml]`."""
    api: Api = "https://api.github.com"
    """Address of the API; GitHub Enterprise Server has its own."""
