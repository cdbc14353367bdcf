"""Judge runbooks and drills: every problem at once, each with its position. Runs nothing."""

from drx.runbook.catalogue import Catalogue
from drx.runbook.check import calls, drill, flow, inputs, nested, people, surprises, times
from drx.runbook.check.review import Review, Surroundings
from drx.runbook.check.stand_ins import stand_in
from drx.runbook.load import Binder, Loaded
from drx.runbook.model import Drill, Runbook
from drx.yaml_source import Document, Problem, read_document_partly, read_model_partly
from drx.yaml_source.problems import in_order

__all__ = ["Surroundings", "check_document", "check_drill", "check_runbook"]


def check_document(
    data: bytes, source: str, catalogue: Catalogue, binder: Binder, surroundings: Surroundings
) -> list[Problem]:
    """Find what is wrong or doubtful in a file, runbook or drill: in its text, its shape, and what it says.

    What is ill-formed does not hide the rest, and nothing is reported that only follows from it.
    """
    document, problems = read_document_partly(data, source)
    if document is None:
        return problems
    if "drill" in document.data:
        definition, document, more = read_model_partly(document, Drill, stand_in)
        judged = check_drill(definition, document, catalogue, binder, surroundings) if definition else []
    elif "runbook" in document.data:
        runbook, document, more = read_model_partly(document, Runbook, stand_in)
        if runbook and not problems and not more:
            binder.remember(source.removeprefix(binder.prefix), Loaded(runbook, document))
        judged = check_runbook(runbook, document, catalogue, binder, surroundings) if runbook else []
    else:
        message = "this is neither a runbook nor a drill"
        more, judged = [document.problem((), message, "Begin it with `runbook: ID` or `drill: ID`")], []
    return in_order([*problems, *more, *judged])


def check_runbook(
    runbook: Runbook, document: Document, catalogue: Catalogue, binder: Binder, surroundings: Surroundings
) -> list[Problem]:
    """Find what is wrong or doubtful in a runbook, in the order of the file."""
    review = Review(document, catalogue, binder, surroundings)
    review.id_of_file(runbook.runbook, "runbook")
    inputs.check_declared(review, runbook)
    sections = {"prechecks": runbook.prechecks, "steps": runbook.steps, "cleanup": runbook.cleanup}
    flow.check_sequences(review, sections)
    flow.check_recovered(review, runbook)
    calls.check_runbook(review, runbook)
    flow.check_effects(review, runbook)
    nested.check(review, runbook)
    times.check_expected(review, sections)
    times.check_timeout(review, runbook)
    times.check_objective(review, runbook)
    surprises.check(review, runbook)
    people.check(review, runbook)
    return review.found()


def check_drill(
    definition: Drill, document: Document, catalogue: Catalogue, binder: Binder, surroundings: Surroundings
) -> list[Problem]:
    """Find what is wrong or doubtful in a drill; its runbook is checked by itself."""
    review = Review(document, catalogue, binder, surroundings)
    review.id_of_file(definition.drill, "drill")
    drill.check(review, definition)
    return review.found()
