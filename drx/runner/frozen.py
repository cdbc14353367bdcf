"""Turn what lies beside drx.yaml into the files a record keeps, and those back into a plan. Bytes in, values out."""

import json
from dataclasses import dataclass, replace
from datetime import timedelta

from drx.actions.registry import catalogue
from drx.config import Config, Target
from drx.engine.compile import Compiler
from drx.engine.plan import Plan, call_of
from drx.engine.terms import Mode, Part
from drx.errors import InvalidInput
from drx.runbook.load import DRILLS, RUNBOOKS, Binder
from drx.runbook.model import Objectives
from drx.runbook.nesting import closure
from drx.runner.surprises import with_surprises

CONFIG = "drx.yaml"
ACTIONS = "actions.json"


@dataclass(frozen=True)
class What:
    """What is run, where and by whom: everything a plan needs besides the files."""

    run: str
    mode: Mode
    runbook: str
    environment: str
    operator: str
    drill: str | None = None
    timeout: timedelta | None = None
    """What the command line allows it; its runbook may allow less."""


def files_of(binder: Binder, config: Config, runbook: str, drill: str | None) -> dict[str, bytes]:
    """Give every file that the run is made of: the config, the runbook, those inside of it, the drill.

    Raises InvalidInput where one is missing or wrong. A file named by its path is kept under its id.
    """
    files = {CONFIG: json.dumps(config.frozen(), ensure_ascii=False, indent=1).encode()}
    for reference in closure(binder, runbook):
        loaded = binder.runbook(reference)
        files[f"{RUNBOOKS}/{loaded.runbook}.yaml"] = binder.files[binder.path(RUNBOOKS, reference)]
    if drill is not None:
        files[f"{DRILLS}/{binder.drill(drill).drill}.yaml"] = binder.files[binder.path(DRILLS, drill)]
    return files


def plan_of(binder: Binder, config: Config, what: What, target: Target) -> Plan:
    """Compile the plan of a run from the binder of its frozen files; first starts and resumes both go this way.

    Raises InvalidInput for a runbook or drill that cannot be read or compiled.
    """
    frozen = json.loads(binder.files[ACTIONS]) if ACTIONS in binder.files else {}
    compiler = Compiler(
        runbooks={name: binder.runbook(name) for name in closure(binder, what.runbook)[1:]},
        repeatable=lambda name: bool(frozen[name]["repeatable"]) if name in frozen else _repeatable(name),
        practice=target.sandbox,
        roles=config.settings.roles,
    )
    constants: dict[str, object] = {
        "target": target.expression_scope(reveal=False),
        "contacts": config.settings.contacts,
        "run": {
            "id": what.run,
            "mode": what.mode.value,
            "operator": what.operator,
            "environment": what.environment,
            "stopped": False,
        },
    }
    stated = config.settings.objectives
    objectives = Objectives(rto=stated.rto, rpo=stated.rpo)
    runbook = binder.runbook(what.runbook)
    if what.drill is not None:
        drill = binder.drill(what.drill)
        return _narrowed(compiler.drill(drill, runbook, constants=constants, objectives=objectives), what.timeout)
    plan = compiler.runbook(runbook, mode=what.mode, constants=constants, objectives=objectives)
    return with_surprises(plan, runbook.surprises) if what.mode is Mode.TABLETOP else _narrowed(plan, what.timeout)


def _narrowed(plan: Plan, timeout: timedelta | None) -> Plan:
    """Give the run no more time than it is allowed from outside."""
    if timeout is None or (plan.timeout is not None and plan.timeout <= timeout):
        return plan
    return replace(plan, timeout=timeout)


def specs_of(plan: Plan) -> bytes:
    """Describe the actions that a plan uses, as they are today."""
    calls = {call.action for step in plan.steps.values() for part in Part if (call := call_of(step, part))}
    specs = {}
    for name in sorted(calls):
        spec = catalogue(name)
        if spec is None:
            raise InvalidInput(f"there is no action '{name}'", "`drx actions` lists what there is")
        specs[name] = {
            "effect": spec.effect,
            "repeatable": spec.repeatable,
            "targets": list(spec.targets),
            "parameters": sorted(spec.parameters.model_fields),
            "outputs": sorted(spec.outputs),
        }
    return json.dumps(specs, indent=1, sort_keys=True).encode()


def _repeatable(name: str) -> bool:
    spec = catalogue(name)
    return spec is not None and spec.repeatable
