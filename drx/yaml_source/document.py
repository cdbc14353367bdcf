"""Turn bytes into plain values with positions, within fixed limits. Never raises on bad input; never builds objects."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from drx.yaml_source.problems import Path, Problem, shown
from drx.yaml_source.scalars import explain_syntax_error, read_scalar

MAX_BYTES = 1024 * 1024
MAX_NODES = 50_000
"""Values in a document, each alias counted as all that it stands for."""
MAX_DEPTH = 40
MAX_PROBLEMS = 50
"""Problems reported before reading stops."""

_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")
"""https://yaml.org/spec/1.2.2/#51-character-set"""


class Node:
    """A value of the document and where it stands; lines and columns count from 1."""

    __slots__ = ("children", "column", "height", "is_gap", "keys", "line", "plain", "size", "value")

    def __init__(self, line: int, column: int, value: object = None) -> None:
        self.line = line
        self.column = column
        self.value = value
        self.plain: str | None = None  # what was written, where it stands without quotes
        self.children: dict[str | int, Node] = {}
        self.keys: dict[str | int, tuple[int, int]] = {}
        self.size = 1  # values in it, itself included
        self.height = 0
        self.is_gap = False  # reported already: what it says cannot be relied on


@dataclass(frozen=True)
class Document:
    """A mapping read from a file."""

    source: str
    data: dict[str, object]
    root: Node
    gaps: frozenset[tuple[str | int, ...]] = frozenset()
    """Ways to values that were reported: nothing is concluded from what stands there, or from its absence."""
    lost: tuple[object, ...] = ()
    """What was written but is not in `data`; names in it are no unknown ones."""

    def in_gap(self, path: Path) -> bool:
        """Whether the value at `path` is one that was reported, or belongs to one."""
        return bool(self.gaps) and any(tuple(path[:length]) in self.gaps for length in range(len(path) + 1))

    def node(self, path: Path) -> Node:
        """Find the value at `path`, or the innermost one that exists on the way there."""
        node = self.root
        for step in path:
            if step not in node.children:
                break
            node = node.children[step]
        return node

    def where(self, path: Path) -> tuple[int, int]:
        """Give the line and column of the value at `path`."""
        node = self.node(path)
        return node.line, node.column

    def problem(self, path: Path, message: str, remedy: str) -> Problem:
        """Describe an error of the value at `path`."""
        return Problem(self.source, *self.where(path), message, remedy)

    def problem_at_key(self, path: Path, message: str, remedy: str) -> Problem:
        """Describe an error of the key itself."""
        line, column = self.node(path[:-1]).keys.get(path[-1], self.where(path)) if path else (1, 1)
        return Problem(self.source, line, column, message, remedy)

    def warning(self, path: Path, message: str, remedy: str) -> Problem:
        """Describe something doubtful at `path`."""
        return Problem(self.source, *self.where(path), message, remedy, "warning")


def read_document(data: bytes, source: str) -> tuple[Document | None, list[Problem]]:
    """Read one YAML mapping; the document is None where any problem was found."""
    document, problems = read_document_partly(data, source)
    return (None if problems else document), problems


def read_document_partly(data: bytes, source: str) -> tuple[Document | None, list[Problem]]:
    """Read one YAML mapping, with gaps where there are problems; None where the text cannot be read to its end."""
    problem = _refuse(data, source)
    if problem:
        return None, [problem]
    builder = _Builder(source)
    root = builder.build(data.decode("utf-8-sig"))
    if root is None:
        return None, builder.problems
    if not isinstance(root.value, dict):
        found = "is empty" if root.value is None else "does not hold keys and values"
        problem = Problem(source, root.line, root.column, f"the file {found}", "Write `key: value` lines")
        return None, builder.problems or [problem]
    gaps = frozenset(_gaps(root, ())) if builder.problems else frozenset()
    return Document(source, root.value, root, gaps, tuple(builder.lost)), builder.problems


def _gaps(node: Node, path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    if node.is_gap:
        yield path
        return
    for step, child in node.children.items():
        yield from _gaps(child, (*path, step))


def _refuse(data: bytes, source: str) -> Problem | None:
    if len(data) > MAX_BYTES:
        message = f"the file has {len(data):,} bytes; at most {MAX_BYTES:,} are read"
        return Problem(source, 1, 1, message, "Split it, or check that this is the right file")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        return Problem(source, line, column, "the file is not UTF-8 text", "Save it as UTF-8, or check the file's name")
    match = _UNPRINTABLE.search(text)
    if match is None:
        return None
    line = text.count("\n", 0, match.start()) + 1
    column = match.start() - text.rfind("\n", 0, match.start())
    message = f"the control character U+{ord(match[0]):04X} cannot stand in YAML"
    return Problem(source, line, column, message, "Remove it")


class _Stop(Exception):
    """Reading cannot go on."""


class _Frame:
    """A list or mapping that is being read; `key` waits for its value."""

    __slots__ = ("anchor", "has_key", "is_mapping", "key", "node")

    def __init__(self, node: Node, is_mapping: bool, anchor: str | None) -> None:
        self.node = node
        self.is_mapping = is_mapping
        self.anchor = anchor
        self.key: str | None = None
        self.has_key = False


class _Builder:
    """Builds nodes from parser events, with a stack of its own instead of recursion."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.problems: list[Problem] = []
        self.lost: list[object] = []
        self.root: Node | None = None
        self.stack: list[_Frame] = []
        self.anchors: dict[str, Node] = {}
        self.count = 0

    def build(self, text: str) -> Node | None:
        import yaml

        take = {
            yaml.ScalarEvent: self._take_scalar,
            yaml.MappingStartEvent: self._open_mapping,
            yaml.SequenceStartEvent: self._open_list,
            yaml.MappingEndEvent: self._close,
            yaml.SequenceEndEvent: self._close,
            yaml.AliasEvent: self._take_alias,
            yaml.DocumentStartEvent: self._refuse_second,
        }
        try:
            for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
                if type(event) in take:
                    take[type(event)](event)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line, mark.column) if mark else (0, 0)
            self._report(line + 1, column + 1, *explain_syntax_error(error.problem or "", text, line))
            return None
        except _Stop:
            return None
        return self.root or Node(1, 1)

    def _open_mapping(self, event) -> None:  # type: ignore[no-untyped-def]  # PyYAML's events have no types
        self._open(event, _Frame(self._node(event, {}), True, event.anchor))

    def _open_list(self, event) -> None:  # type: ignore[no-untyped-def]
        self._open(event, _Frame(self._node(event, []), False, event.anchor))

    def _open(self, event, frame: _Frame) -> None:  # type: ignore[no-untyped-def]
        self._refuse_tag(event, frame.node)
        self.stack.append(frame)
        self._bound(event, len(self.stack))

    def _close(self, event: object) -> None:
        frame = self.stack.pop()
        self._place(frame.node, frame.anchor)

    def _refuse_second(self, event: object) -> None:
        if self.root is not None:
            self._stop(event, "a second document starts here", "Keep one document in a file: remove the `---`")

    def _take_scalar(self, event) -> None:  # type: ignore[no-untyped-def]
        node = self._node(event, event.value)
        self._refuse_tag(event, node)
        if "\0" in event.value:
            self._report_value(node, "text cannot hold a NUL character", "Remove the escape that writes it")
        is_key = bool(self.stack) and self.stack[-1].is_mapping and not self.stack[-1].has_key
        if event.implicit[0]:
            node.plain = event.value
            if not is_key:
                node.value, trap = read_scalar(event.value)
                if trap:
                    self._report_value(node, *trap)
        self._bound(event, len(self.stack))
        self._place(node, event.anchor)

    def _take_alias(self, event) -> None:  # type: ignore[no-untyped-def]
        target = self.anchors.get(event.anchor)
        if target is None:
            inside = any(frame.anchor == event.anchor for frame in self.stack)
            message = f"*{shown(event.anchor)} " + ("stands inside of itself" if inside else "is not defined above")
            self._stop(event, message, "Write the value out, or put text that begins with * in quotes")
        self.count += target.size
        self._bound(event, len(self.stack) + target.height)
        self._place(target, None)

    def _node(self, event, value: object) -> Node:  # type: ignore[no-untyped-def]
        self.count += 1
        return Node(event.start_mark.line + 1, event.start_mark.column + 1, value)

    def _place(self, node: Node, anchor: str | None) -> None:
        if anchor:
            self.anchors[anchor] = node
        if not self.stack:
            self.root = node
            return
        frame = self.stack[-1]
        parent = frame.node
        if frame.is_mapping and not frame.has_key:
            frame.key, frame.has_key = self._key(parent, node), True
            return
        parent.size += node.size
        parent.height = max(parent.height, node.height + 1)
        if isinstance(parent.value, list):
            parent.children[len(parent.value)] = node
            parent.value.append(node.value)
        elif frame.key is not None and isinstance(parent.value, dict):
            parent.children[frame.key] = node
            parent.value[frame.key] = node.value
        else:
            self.lost.append(node.value)
        frame.has_key = False

    def _key(self, parent: Node, node: Node) -> str | None:
        """Take a key as text, whatever it looks like; None where the pair is to be dropped."""
        key = node.value
        if isinstance(key, str) and key in parent.keys:
            message = f"the key '{shown(key)}' stands here twice, first on line {parent.keys[key][0]}"
            self._report(node.line, node.column, message, "Remove one of the two")
            return None
        if isinstance(key, str) and not (key == "<<" and node.plain):
            parent.keys[key] = (node.line, node.column)
            return key
        message, remedy = "a key must be text", 'Put an expression in quotes: "{{ ... }}"'
        if isinstance(key, str):
            message, remedy = "merge keys (<<) are not read", "Write the keys out"
        parent.is_gap = parent.is_gap or isinstance(key, str) or len(self.stack) > 1
        self.lost.append(key)
        self._report(node.line, node.column, message, remedy)
        return None

    def _refuse_tag(self, event, node: Node) -> None:  # type: ignore[no-untyped-def]
        if event.tag is not None:
            self._report_value(node, f"the tag {shown(event.tag)} is not read", "Remove it, or put text in quotes")

    def _bound(self, event: object, depth: int) -> None:
        if self.count > MAX_NODES:
            message = f"the file holds more than {MAX_NODES:,} values once aliases are written out"
            self._stop(event, message, "Split it, and use fewer aliases")
        if depth > MAX_DEPTH:
            self._stop(event, f"values are nested more than {MAX_DEPTH} deep", "Close a bracket, or split the file")

    def _report_value(self, node: Node, message: str, remedy: str) -> None:
        node.is_gap = True
        self._report(node.line, node.column, message, remedy)

    def _report(self, line: int, column: int, message: str, remedy: str) -> None:
        self.problems.append(Problem(self.source, line, column, message, remedy))
        if len(self.problems) >= MAX_PROBLEMS:
            raise _Stop

    def _stop(self, event, message: str, remedy: str) -> NoReturn:  # type: ignore[no-untyped-def]
        self._report(event.start_mark.line + 1, event.start_mark.column + 1, message, remedy)
        raise _Stop
