"""Judge runbooks and drills that could be read: every problem at once, each with its position. Runs nothing."""

from drx.runbook.catalogue import Catalogue
from drx.runbook.check import calls, drill, flow, inputs, nested, times
from drx.runbook.check.review import Review, Surroundings
from drx.runbook.load import Library
from drx.runbook.model import Drill, Runbook
from drx.yaml_source import Document, Problem

__all__ = ["Surroundings", "check_drill", "check_runbook"]


def check_runbook(
    runbook: Runbook, document: Document, catalogue: Catalogue, library: Library, surroundings: Surroundings
) -> list[Problem]:
    """Find what is wrong or doubtful in a runbook, in the order of the file."""
    review = Review(document, catalogue, library, surroundings)
    review.id_of_file(runbook.runbook, "runbook")
    inputs.check_declared(review, runbook)
    sections = {"prechecks": runbook.prechecks, "steps": runbook.steps, "cleanup": runbook.cleanup}
    flow.check_sequences(review, sections)
    flow.check_recovered(review, runbook)
    calls.check_runbook(review, runbook)
    flow.check_effects(review, runbook)
    nested.check(review, runbook)
    times.check_expected(review, sections)
    times.check_objective(review, runbook)
    return review.found()


def check_drill(
    definition: Drill, document: Document, catalogue: Catalogue, library: Library, surroundings: Surroundings
) -> list[Problem]:
    """Find what is wrong or doubtful in a drill; its runbook is checked by itself."""
    review = Review(document, catalogue, library, surroundings)
    review.id_of_file(definition.drill, "drill")
    drill.check(review, definition)
    return review.found()
