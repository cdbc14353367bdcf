"""Read YAML strictly, with a position for everything. Knows nothing of runbooks or drx.yaml."""

from drx.yaml_source.document import Document, read_document
from drx.yaml_source.models import explain, read_model
from drx.yaml_source.problems import InvalidDocument, Path, Problem, nearest

__all__ = ["Document", "InvalidDocument", "Path", "Problem", "explain", "nearest", "read_document", "read_model"]
