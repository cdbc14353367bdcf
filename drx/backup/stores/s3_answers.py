"""Tell answers of S3 from what else answers, and say in words why there was none. Asks nothing."""

from collections.abc import Mapping

from botocore.awsrequest import AWSResponse
from botocore.exceptions import BotoCoreError, ConnectionError, HTTPClientError, NoCredentialsError, SSLError
from botocore.model import OperationModel
from botocore.parsers import ResponseParserError

UNSERVED = (BotoCoreError, ResponseParserError, RecursionError)
"""What boto3 raises where no store has answered; `ClientError` is a store's own no."""
_HOLDS = {
    **dict.fromkeys(("PutObject", "GetObject", "UploadPart", "CompleteMultipartUpload"), "ETag"),
    **dict.fromkeys(("ListObjectsV2", "ListObjectVersions"), "Name"),
    "CreateMultipartUpload": "UploadId",
    "ListBuckets": "Buckets",
}
"""What the answer of every S3 server holds."""


def refuse_strangers(
    http_response: AWSResponse, parsed: Mapping[str, object], model: OperationModel, **_: object
) -> None:
    """Let no proxy's page pass for an answer: read as a listing, it says that there is not one backup."""
    if http_response.status_code >= 300:
        return
    page = not model.has_streaming_output and http_response.content.lstrip()[:5].lower() in (b"<html", b"<!doc")
    if page or _HOLDS.get(model.name, "ResponseMetadata") not in parsed:
        http_response.raw.close()
        raise ResponseParserError("this is no answer of S3")


def unserved(error: Exception) -> tuple[str, str]:
    """Say what one of `UNSERVED` means, and what to do."""
    match error:
        case SSLError() if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return "shows a certificate that nothing here vouches for", "Set AWS_CA_BUNDLE to that of its authority"
        case SSLError():
            return "does not come to terms about TLS", "See whether the endpoint begins with http:// or https://"
        case ConnectionError() | HTTPClientError():
            return "does not answer", "Check the endpoint, and that it can be reached from here"
        case NoCredentialsError():
            return "wants keys, and there are none", "State access_key_id, or set AWS_ACCESS_KEY_ID"
        case ResponseParserError():
            return "answers as no S3 server does", "Check the endpoint, and whether a proxy answers in its place"
        case RecursionError():  # botocore asks the same server again where a redirection names no region
            return "sends elsewhere, and does not say where to", "Check the endpoint and the region"
        case _:
            return f"cannot be used: {' '.join(str(error).split())}", "Check the endpoint, the region and the keys"
