"""Read YAML strictly, with a position for everything. Knows nothing of runbooks or drx.yaml."""

from drx.yaml_source.document import Document, read_document, read_document_partly
from drx.yaml_source.models import explain, read_model, read_model_partly
from drx.yaml_source.problems import InvalidDocument, Path, Problem, nearest

__all__ = [
    "Document",
    "InvalidDocument",
    "Path",
    "Problem",
    "explain",
    "nearest",
    "read_document",
    "read_document_partly",
    "read_model",
    "read_model_partly",
]
