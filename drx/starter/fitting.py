"""Choose the shipped runbooks and drills that fit a service, and make their text its own. Pure."""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum

from drx.runbook.catalogue import Catalogue
from drx.starter.answers import Answers


class Part(StrEnum):
    """What a service may lack; as actions name what they touch."""

    UPLOADS = "uploads"
    HOST = "host"
    COPY = "copy"


_ALL = frozenset(Part)
NEEDS: Mapping[str, frozenset[Part]] = {
    "server-failure": frozenset({Part.HOST}),
    "s3-loss": frozenset({Part.UPLOADS}),
    "full-infra-loss": _ALL,
    "rebuild-database": _ALL,
    "rebuild-uploads": _ALL,
}
"""What a runbook cannot do without; every other one fits everywhere, once `own_runbook` was at it."""

EXAMPLE = "PixelCraft"
RESTORE_TEST = "restore-test"
_EXAMPLE_QUESTIONS = ("images", "newest", "owner", "owned", "references")
"""Steps of restore-test that ask what only the example's database can answer."""
_ASK_YOUR_OWN = """\
  # Ask here what the service itself would ask of its data: `drx actions mongo` shows how to count and to query."""
_SCHEMA = re.compile(r"\A# yaml-language-server:.*\n")
_BY_HAND = re.compile(r"- id: (\S+-by-hand)\n")
_STEP = re.compile(r"(?P<head>(?:[a-z]+:\n)?)(?P<indent> +)- id: (?P<id>\S+)\n")


def missing_parts(answers: Answers) -> frozenset[Part]:
    """List what a service does not have; where there is only a sandbox, nothing is missing."""
    production = answers.production
    if production is None:
        return frozenset()
    there = {Part.UPLOADS: production.uploads, Part.HOST: production.host, Part.COPY: answers.copy}
    return frozenset(part for part, value in there.items() if value is None)


def lacking(runbook: str, missing: frozenset[Part]) -> frozenset[Part]:
    """Say what a runbook would need that is not there; nothing where it fits."""
    return NEEDS.get(runbook, frozenset()) & missing


def own_runbook(name: str, text: str, answers: Answers, catalogue: Catalogue) -> str:
    """Make a shipped runbook the service's own: its name, its objectives, and no step for what it does not have."""
    text = _SCHEMA.sub("", text).replace(EXAMPLE, answers.service)
    if name == RESTORE_TEST:
        text = _without_questions(text, answers.rto)
    missing = missing_parts(answers)
    return "\n\n".join(part for block in text.split("\n\n") for part in _fitted(block, missing, catalogue))


def own_drill(text: str, runbook: str) -> str:
    """Make a shipped drill the service's own; the text of its runbook says which steps people do by hand."""
    answers = "".join(f"  {name}: done\n" for name in _BY_HAND.findall(runbook))
    return _SCHEMA.sub("", text).replace("\nanswers:\n", f"\nanswers:\n{answers}")


def _without_questions(text: str, rto: str) -> str:
    """Leave out what only the example can answer, and say where a service's own questions belong."""
    text = re.sub(r"^  minimum_images:\n(?:    .*\n)+", "", text, flags=re.MULTILINE)
    text = text.replace("    default: 2h\n", f"    default: {rto}\n")
    kept: list[str] = []
    for block in text.split("\n\n"):
        step = _STEP.match(block)
        if step is None or step["id"] not in _EXAMPLE_QUESTIONS:
            kept.append(block)
        elif step["id"] == _EXAMPLE_QUESTIONS[0]:
            kept.append(_ASK_YOUR_OWN)
    return "\n\n".join(kept)


def _fitted(block: str, missing: frozenset[Part], catalogue: Catalogue) -> Iterator[str]:
    """Give a block of lines as it fits: a step, a step with one that a person does instead, or nothing."""
    step = _STEP.match(block)
    lacked = {part for part in missing & _touched(block, catalogue) if f"target.{part} is defined" not in block}
    if step is None or not lacked:
        yield block
    elif Part.UPLOADS in lacked:
        if step["head"]:
            yield step["head"].rstrip("\n")
    else:
        yield _only_in_sandbox(block, step["indent"])
        yield _by_hand(block, step["id"], step["indent"])


def _touched(block: str, catalogue: Catalogue) -> frozenset[str]:
    """List the parts of an environment that the actions in a block touch."""
    names = re.findall(r"\baction: ([a-z0-9_.]+)", block)
    specs = [catalogue(name) for name in names]
    uploads = {Part.UPLOADS.value} if any(name.startswith("s3.") for name in names) else set()
    return frozenset(part for spec in specs if spec for part in spec.targets) | uploads


def _only_in_sandbox(block: str, indent: str) -> str:
    """Let drx do a step where it can: on the sandbox's own host."""
    inner = f"{indent}  "
    condition = _condition(block, indent)
    if condition:
        return block.replace(f"\n{inner}when: {condition}\n", f"\n{inner}when: target.sandbox and ({condition})\n")
    return block.replace(f"\n{inner}action:", f"\n{inner}when: target.sandbox\n{inner}action:", 1)


def _condition(block: str, indent: str) -> str:
    found = re.search(rf"^{indent}  when: (.*)$", block, re.MULTILINE)
    return found[1] if found else ""


def _by_hand(block: str, name: str, indent: str) -> str:
    """Write the step that a person does where drx cannot reach the host."""
    title = re.search(r"^ +title: (.*)$", block, re.MULTILINE)
    how = re.search(rf"^{indent}  with: \{{(.*)\}}$", block, re.MULTILINE)
    condition = _condition(block, indent)
    lines = [
        f"- id: {name}-by-hand",
        f"  title: {title[1] if title else name}",
        "  when: not target.sandbox" + (f" and ({condition})" if condition else ""),
        "  confirm: >-",
        "    This is done by hand, because drx knows no host where it could do it.",
        *([f"    It would have set: {how[1]}"] if how else []),
        "  expect: 5m",
    ]
    return "\n".join(f"{indent}{line}" for line in lines)
