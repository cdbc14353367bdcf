"""Write the commands that do by hand what `host.*` does, for the provider that drx.yaml names. Runs nothing.

They use variables that the plan explains where it says how to type commands by hand.
"""

import json
import shlex
from dataclasses import dataclass
from typing import assert_never

from drx.config.model import Environment
from drx.config.providers import LocalHost, RailwayHost, SystemdHost

_NO_HOST = "# drx.yaml names no host for this environment: state it there, and its commands will stand here"
_LOCAL = LocalHost(provider="local", directory="host")
_END = '{ kill "$(cat app.pid)"; sleep 2; }; '
_START = (
    'eval "$(jq -r \'to_entries[] | "export \\(.key)=\\(.value | @sh)"\' variables.json)"\n'
    "  setsid current/start < /dev/null >> app.log 2>&1 & )"
)
_DEPLOYMENTS = (
    'query { deployments(input: {projectId: \\"$RAILWAY_PROJECT\\", environmentId: \\"$RAILWAY_ENVIRONMENT\\",'
    ' serviceId: \\"$RAILWAY_SERVICE\\"}, first: 20) { edges { node { id status createdAt canRollback meta } } } }'
)
_NODES = "[.data.deployments.edges[].node] | sort_by(.createdAt) | reverse"  # the newest first
_RUNS = '(.status == "SUCCESS" or .status == "SLEEPING")'

_RUNNING = f"map(select({_RUNS}))[0]"


def database_address(database: str, server: str | None = None) -> str:
    """Put another database's name, and its server, into the environment's own address, as `$value`."""
    if server is not None:
        scheme, _, host = server.rstrip("/").partition("://")
        change = f"s#^[a-z+]+://([^/?@]*@)?[^/?]+/?[^?]*#{scheme}://\\1{host}/{database}#"
        other = "s#(replicaSet|directConnection|loadBalanced)=[^&]*&?##g; s#[?&]$##"
        return f"value=$(sed -E '{change}; {other}' <<<\"$MONGO_URI\")"
    return f'value=$(sed -E "s#^([a-z+]+://[^/?]+)/?[^?]*#\\1/{database}#" <<<"$MONGO_URI")'


@dataclass(frozen=True)
class Commands:
    """What a person types at one provider."""

    environment: Environment

    def set_variable(self, name: str, value: str) -> str:
        """Set a variable to `$value`, which the first line sets."""
        match self._host:
            case LocalHost():
                change = f"jq --arg value \"$value\" '.{name} = $value' variables.json > new"
                tell = 'mv new variables.json && kill -HUP "$(cat app.pid)"'
                return f'{value}\n( cd "$HOST_DIRECTORY" && {change} && {tell} )'
            case RailwayHost():
                place = r"projectId: \"$RAILWAY_PROJECT\", environmentId: \"$RAILWAY_ENVIRONMENT\","
                put = rf"{place} serviceId: \"$RAILWAY_SERVICE\", name: \"{name}\", value: $json"
                json_value = "json=$(jq -n --arg value \"$value\" '$value')"
                return f'{value}\n{json_value}\nrailway "mutation {{ variableUpsert(input: {{{put}}}) }}"'
            case SystemdHost() as host:
                if host.environment_file is None:
                    return "# drx.yaml names no host.environment_file: set it where the unit reads its variables"
                drop = f"{self._sudo}sed -i '/^{name}=/d' $ENVIRONMENT_FILE"
                put = f"{self._sudo}tee -a $ENVIRONMENT_FILE > /dev/null"
                line = f'printf \'{name}="%s"\\n\' "$value"'
                return f'{value}\n{line} | ssh "$HOST" "{drop} && {put} && {self._sudo}systemctl restart $UNIT"'
            case None:
                return _NO_HOST
            case _ as never:
                assert_never(never)

    def restart(self) -> str:
        """End the application, if it runs, and start what is deployed."""
        match self._host:
            case LocalHost():
                return f'( cd "$HOST_DIRECTORY" && {_END}\n  {_START}'
            case RailwayHost():
                return self._on_running("deploymentRestart")
            case SystemdHost():
                return f'ssh "$HOST" {self._sudo}systemctl restart "$UNIT"\nssh "$HOST" systemctl is-active "$UNIT"'
            case None:
                return _NO_HOST
            case _ as never:
                assert_never(never)

    def deploy(self, version: str | None) -> str:
        """Put a version in place of the one that runs; None is the deployed one, anew."""
        match self._host:
            case LocalHost() if version is None:
                return self.restart()
            case LocalHost():
                link = f"ln -sfn releases/{version} current"
                return f'( cd "$HOST_DIRECTORY" && {link} && {_END}\n  {_START}'
            case RailwayHost() if version is None:
                return self._on_running("deploymentRedeploy", " { id }")
            case RailwayHost():
                place = r"serviceId: \"$RAILWAY_SERVICE\", environmentId: \"$RAILWAY_ENVIRONMENT\""
                return rf'railway "mutation {{ serviceInstanceDeployV2({place}, commitSha: \"{version}\") }}"'
            case SystemdHost() if version is None:
                return self.restart()
            case SystemdHost() as host:
                return self._there([part.replace("{version}", version or "") for part in host.deploy], "deploy")
            case None:
                return _NO_HOST
            case _ as never:
                assert_never(never)

    def roll_back(self) -> str:
        """Put the version before in place."""
        match self._host:
            case LocalHost():
                return "# EARLIER: the last entry but one of deployments.json\n" + self.deploy("EARLIER")
            case RailwayHost():
                earlier = f".[(map({_RUNS}) | index(true)) + 1:] | map(select(.canRollback))[0]"
                found = _chosen(earlier)
                return f'{found}\nrailway "mutation {{ deploymentRollback(id: \\"$id\\") }}"'
            case SystemdHost() as host:
                return self._there(list(host.roll_back), "roll_back")
            case None:
                return _NO_HOST
            case _ as never:
                assert_never(never)

    def version(self) -> str:
        """Tell which version is deployed."""
        match self._host:
            case LocalHost():
                return 'readlink "$HOST_DIRECTORY/current"'
            case RailwayHost():
                return f"deployments | jq -r '{_RUNNING}.meta.commitHash'"
            case SystemdHost() as host:
                if not host.version:
                    return "# drx.yaml names no host.version: look on the machine which version is in place"
                return f'ssh "$HOST" {shlex.quote(shlex.join(host.version))}'
            case None:
                return _NO_HOST
            case _ as never:
                assert_never(never)

    def logs(self, lines: int) -> str:
        """Show what the application wrote last."""
        match self._host:
            case LocalHost():
                return f'tail -n {lines} "$HOST_DIRECTORY/app.log"'
            case RailwayHost():
                newest = _chosen(".[0]")
                asked = f'query {{ deploymentLogs(deploymentId: \\"$id\\", limit: {lines}) {{ timestamp message }} }}'
                return f'{newest}\nrailway "{asked}" | jq -r \'.data.deploymentLogs[] | .timestamp + " " + .message\''
            case SystemdHost():
                return f'ssh "$HOST" journalctl --unit "$UNIT" --lines {lines} --no-pager'
            case None:
                return _NO_HOST
            case _ as never:
                assert_never(never)

    @property
    def _host(self) -> LocalHost | RailwayHost | SystemdHost | None:
        return _LOCAL if self.environment.sandbox else self.environment.host

    @property
    def _sudo(self) -> str:
        return "sudo " if isinstance(self._host, SystemdHost) and self._host.sudo else ""

    def _there(self, command: list[str], setting: str) -> str:
        if not command:
            return f"# drx.yaml names no host.{setting}: do on the machine what usually does it"
        restart = f"{self._sudo}systemctl restart $UNIT"
        return f'ssh "$HOST" {shlex.quote(self._sudo + shlex.join(command))} && ssh "$HOST" "{restart}"'

    def functions(self) -> tuple[str, ...]:
        """Define, for a shell, what the commands call."""
        host = self._host
        if not isinstance(host, RailwayHost):
            return ()
        header = "Project-Access-Token: " if host.project_token is not None else "Authorization: Bearer "
        curl = f'curl --fail --silent --show-error --header "{header}$RAILWAY_TOKEN"'
        return (
            "railway() { # asks Railway's API",
            f"  jq -n --arg query \"$1\" '{{$query}}' | {curl} \\",
            f"    --header 'Content-Type: application/json' --data @- {json.dumps(f'{host.api}/graphql/v2')}",
            "}",
            "deployments() { # the newest first",
            f'  railway "{_DEPLOYMENTS}" |',
            f"    jq '{_NODES}'",
            "}",
        )

    def _on_running(self, mutation: str, shape: str = "") -> str:
        return f'{_chosen(_RUNNING)}\nrailway "mutation {{ {mutation}(id: \\"$id\\"){shape} }}"'


def _chosen(which: str) -> str:
    return f"id=$(deployments | jq -r '{which}.id')"
