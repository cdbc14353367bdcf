"""Check database and bucket against each other. Changes nothing; drivers are imported in use."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from drx.actions.base import Context, Params, Result, action
from drx.actions.blocking import call_blocking
from drx.actions.bucket import Uploads, digest_upload, list_uploads, uploads_bucket
from drx.actions.by_hand.mongosh import collection_by_hand, mongosh
from drx.actions.servers import mongo_target, with_mongo
from drx.errors import StepError
from drx.fields import Text

if TYPE_CHECKING:
    from pymongo import MongoClient

_LIST = "references.txt"
_READERS = 8
_SHOWN = 10


class References(Params):
    collection: Text
    """Collection whose documents refer to objects."""
    database: Text | None = None
    """Its database; without it, the application's."""
    key: Text = "key"
    """Field with the object's key."""
    size: Text | None = "size"
    """Field with its size; null where there is none."""
    sha256: Text | None = "sha256"
    """Field with the SHA-256 of its bytes; null where there is none."""
    prefix: str = ""
    """Where in the bucket such objects lie: others count as no orphans."""
    read: Literal["all"] | int = Field(default=100, union_mode="left_to_right")
    """How many objects to read and hold against their SHA-256, spread evenly; or `all`."""
    orphans: Literal["allow", "fail"] = "allow"
    """Whether objects that no document refers to are a failure."""


@dataclass
class Findings:
    """What differs, by kind, each with the key it is about."""

    documents: int = 0
    wanted: int = 0
    objects: int = 0
    read: int = 0
    missing: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """Tell each finding, faults first."""
        yield from (f"missing: {key}" for key in self.missing)
        yield from (f"different: {text}" for text in self.different)
        yield from (f"orphan: {key}" for key in self.orphans)


def _by_hand(params: References) -> str:
    keys = f'{collection_by_hand(params.database, params.collection)}.distinct("{params.key}").join("\\n")'
    return (
        f"{mongosh(keys)} | LC_ALL=C sort > wanted\n"
        f'aws s3api list-objects-v2 --bucket "$UPLOADS" --prefix "{params.prefix}" --output json |\n'
        "  jq -r '.Contents[]?.Key' | LC_ALL=C sort > there\n"
        "LC_ALL=C comm -23 wanted there # what is missing"
    )


@action(
    "verify.references",
    effect="read",
    repeatable=True,
    targets=("mongo", "uploads"),
    outputs={
        "documents": "How many documents refer to objects.",
        "objects": "How many objects there are.",
        "read": "How many of those referred to were read and held against their SHA-256; of the rest only the size.",
        "missing": "How many objects are missing that documents refer to.",
        "different": "How many objects are not what a document says.",
        "orphans": "How many objects no document refers to.",
    },
    by_hand=_by_hand,
)
def references(params: References, context: Context) -> Result:
    """See whether every object that a document refers to is there, with the size and checksum on record.

    Objects that no document refers to are counted too. Everything found is listed in a file. Memory grows with the
    number of objects.
    """
    database = params.database or mongo_target(context).database
    wanted, clashes, documents = with_mongo(context, lambda client: _wanted(client, database, params, context))
    if not documents:
        raise StepError(f"{database}.{params.collection} holds no documents that refer to objects", "Restore it first")

    def compare() -> Findings:
        with uploads_bucket(context) as uploads:
            return _compare(wanted, uploads, params, context)

    findings = call_blocking(context, compare, lambda: None)
    findings.documents = documents
    findings.different[:0] = clashes
    return _judge(findings, params, context)


@dataclass(frozen=True)
class _Wanted:
    size: object
    sha256: object


def _wanted(
    client: "MongoClient[dict[str, Any]]", database: str, params: References, context: Context
) -> tuple[dict[str, _Wanted], list[str], int]:
    """Read what documents say of their objects, each object once, and where two documents contradict each other."""
    fields = {"key": params.key, "size": params.size, "sha256": params.sha256}
    says = {name: f"${path}" for name, path in fields.items() if path}
    pipeline: list[dict[str, Any]] = [
        {"$match": {params.key: {"$type": "string"}}},
        {"$group": {"_id": says, "documents": {"$sum": 1}}},
    ]
    wanted: dict[str, _Wanted] = {}
    clashes: list[str] = []
    documents = 0
    for group in client[database][params.collection].aggregate(pipeline, allowDiskUse=True):
        context.check()
        documents += group["documents"]
        said, key = _Wanted(group["_id"].get("size"), group["_id"].get("sha256")), group["_id"]["key"]
        if wanted.setdefault(key, said) != said:
            clashes.append(f"{key}: two documents say different things of it")
    return wanted, clashes, documents


def _compare(wanted: dict[str, _Wanted], uploads: Uploads, params: References, context: Context) -> Findings:
    findings = Findings(wanted=len(wanted))
    there = dict(list_uploads(uploads, "", context))
    findings.objects = len(there)
    findings.orphans = sorted(key for key in there.keys() - wanted.keys() if key.startswith(params.prefix))
    findings.missing = sorted(wanted.keys() - there.keys())
    found = sorted(wanted.keys() & there.keys())
    for key in found:
        if params.size and there[key] != wanted[key].size:
            findings.different.append(f"{key}: {there[key]:,} bytes, not {wanted[key].size}")
    if params.sha256:
        chosen = found if params.read == "all" else found[:: max(len(found) // max(params.read, 1), 1)][: params.read]
        _read(chosen, wanted, uploads, findings, context)
    return findings


def _read(keys: list[str], wanted: dict[str, _Wanted], uploads: Uploads, findings: Findings, context: Context) -> None:
    """Read objects, several at a time, and hold them against their checksums."""
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(_READERS)
    try:
        digests = pool.map(lambda key: digest_upload(uploads, key, context)[1], keys)
        for number, (key, digest) in enumerate(zip(keys, digests, strict=True), start=1):
            if digest != wanted[key].sha256:
                findings.different.append(f"{key}: SHA-256 {digest}, not {wanted[key].sha256}")
            context.progress(number, len(keys), "objects")
    finally:
        pool.shutdown(cancel_futures=True)
    findings.read = len(keys)


def _judge(findings: Findings, params: References, context: Context) -> Result:
    lines = [context.mask(line) for line in findings.lines()]
    artifacts: tuple[str, ...] = ()
    if lines:
        (context.artifacts / _LIST).write_text("\n".join(lines) + "\n", encoding="utf-8")
        artifacts = (_LIST,)
    counts = {
        "documents": findings.documents, "objects": findings.objects, "read": findings.read,
        "missing": len(findings.missing), "different": len(findings.different), "orphans": len(findings.orphans),
    }  # fmt: skip
    summary = (
        f"{findings.documents:,} documents refer to {findings.wanted:,} files; "
        f"{findings.read:,} of {findings.wanted:,} files read and compared; {len(findings.missing):,} missing, "
        f"{len(findings.different):,} different, {len(findings.orphans):,} orphans"
    )
    faults = [name for name in ("missing", "different") if counts[name]]
    faults += ["orphans"] if params.orphans == "fail" and findings.orphans else []
    if faults:
        what = " and ".join(f"{counts[name]:,} {name}" for name in faults)
        raise StepError(
            f"objects and documents do not belong together: {what}",
            "Restore the bucket to the same moment as the database",
            lines=(summary, *lines[:_SHOWN]),
            artifacts=artifacts,
        )
    return Result(dict(counts), (summary, *lines[:_SHOWN]), artifacts)
