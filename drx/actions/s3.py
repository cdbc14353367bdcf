"""Look at the uploads bucket. boto3 is imported in use."""

from pydantic import Field

from drx.actions.base import Context, Params, Result, action
from drx.actions.blocking import call_blocking
from drx.actions.bucket import digest_upload, list_uploads, uploads_bucket
from drx.actions.counting import Bounds, judge
from drx.errors import StepError
from drx.fields import Text


class CountObjects(Bounds):
    prefix: str = ""
    """Only objects whose keys begin with this."""


def _list_by_hand(params: CountObjects) -> str:
    return f'aws s3 ls --recursive "s3://$UPLOADS/{params.prefix}" | wc -l'


@action(
    "s3.count",
    effect="read",
    repeatable=True,
    targets=("uploads",),
    outputs={"count": "How many objects there are.", "size_bytes": "How large they are together."},
    by_hand=_list_by_hand,
)
def count(params: CountObjects, context: Context) -> Result:
    """Count the objects of the uploads bucket, and fail where there are fewer or more than expected."""

    def read() -> tuple[int, int, str]:
        number = size = 0
        with uploads_bucket(context) as uploads:
            for _, size_bytes in list_uploads(uploads, params.prefix, context):
                number, size = number + 1, size + size_bytes
            return number, size, uploads.bucket

    number, size, bucket = call_blocking(context, read, lambda: None)
    result = judge(params, number, f"{bucket} holds", "objects")
    return Result({**result.outputs, "size_bytes": size}, result.lines)


class CheckObject(Params):
    key: Text
    """Key of the object."""
    size_bytes: int | None = Field(default=None, ge=0)
    """Size it has to have."""
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    """SHA-256 that its bytes have to have, in hexadecimal."""


def _check_by_hand(params: CheckObject) -> str:
    return f'aws s3 cp "s3://$UPLOADS/{params.key}" - | sha256sum'


@action(
    "s3.check",
    effect="read",
    repeatable=True,
    targets=("uploads",),
    outputs={"size_bytes": "Size of the object.", "sha256": "SHA-256 of its bytes, in hexadecimal."},
    by_hand=_check_by_hand,
)
def check(params: CheckObject, context: Context) -> Result:
    """Read one object of the uploads bucket, and hold it against the size and checksum on record."""

    def read() -> tuple[int, str]:
        with uploads_bucket(context) as uploads:
            return digest_upload(uploads, params.key, context)

    size, sha256 = call_blocking(context, read, lambda: None)
    if params.size_bytes is not None and size != params.size_bytes:
        raise StepError(f"{params.key} has {size:,} bytes, not {params.size_bytes:,}", "Restore the object")
    if params.sha256 is not None and sha256 != params.sha256:
        raise StepError(f"{params.key} has the SHA-256 {sha256}, not {params.sha256}", "Restore the object")
    return Result({"size_bytes": size, "sha256": sha256}, (f"{params.key}: {size:,} bytes, SHA-256 {sha256}",))
