"""Make the uploads bucket anew after it was lost. Touches no bucket that is there."""

from drx.actions.base import Context, Params, Result, action
from drx.actions.blocking import call_blocking
from drx.actions.bucket import Uploads, uploads_bucket

_NOT_FOUND = 404
_DEFAULT_REGION = "us-east-1"
"""The one region that S3 does not want named."""


class CreateBucket(Params):
    pass


def _create_by_hand(params: CreateBucket) -> str:
    versions = "aws s3api put-bucket-versioning --versioning-configuration Status=Enabled"
    return f'aws s3 mb "s3://$UPLOADS" --region "$REGION"\n{versions} --bucket "$UPLOADS"'


@action(
    "s3.create_bucket",
    effect="write",
    repeatable=True,
    uses=("uploads",),
    outputs={"created": "Whether it was not there before."},
    by_hand=_create_by_hand,
)
def create_bucket(params: CreateBucket, context: Context) -> Result:
    """Create the uploads bucket, and have it keep versions; one that is there already is left as it is.

    Policies, lifecycle rules and notifications of the old bucket are not brought back: set them from where you keep
    them, before the application writes to it.
    """

    def create() -> tuple[bool, str]:
        with uploads_bucket(context) as uploads:
            return create_unless_there(uploads, context), uploads.bucket

    created, bucket = call_blocking(context, create, lambda: None)
    return Result(
        {"created": created}, (f"made {bucket}, which keeps versions" if created else f"{bucket} is there already",)
    )


def create_unless_there(uploads: Uploads, context: Context) -> bool:
    """Make a bucket that keeps versions, and tell the run that it is its own; False where there is one already."""
    return not _exists(uploads) and _create(uploads, context)


def _exists(uploads: Uploads) -> bool:
    from botocore.exceptions import ClientError

    try:
        uploads.client.head_bucket(Bucket=uploads.bucket, **uploads.owner)
    except ClientError as error:
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == _NOT_FOUND:
            return False
        raise
    return True


def _create(uploads: Uploads, context: Context) -> bool:
    context.created_resource("uploads", uploads.bucket)
    region = uploads.client.meta.region_name
    if region == _DEFAULT_REGION:
        uploads.client.create_bucket(Bucket=uploads.bucket)
    else:
        uploads.client.create_bucket(
            Bucket=uploads.bucket,
            CreateBucketConfiguration={"LocationConstraint": region},  # type: ignore[typeddict-item] # any region
        )
    uploads.client.put_bucket_versioning(
        Bucket=uploads.bucket, VersioningConfiguration={"Status": "Enabled"}, **uploads.owner
    )
    return True
