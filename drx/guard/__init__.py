"""Stand between a run and the wrong target: who is this server, is it trusted, may the run touch it?"""

from drx.guard.decide import (
    AccessRequest,
    Allowed,
    Decision,
    NeedsName,
    Phase,
    Refused,
    decide_access,
)
from drx.guard.guard import Guard, NameNeeded, identify, is_protected, kinds_of, refuse_protected
from drx.guard.identity import (
    REPLICA_SET_MARK,
    Identity,
    Kind,
    UnknownIdentity,
    identify_bucket,
    identify_mongo,
)
from drx.guard.trust import Trust, read_trust, write_trust

__all__ = [
    "REPLICA_SET_MARK",
    "AccessRequest",
    "Allowed",
    "Decision",
    "Guard",
    "Identity",
    "Kind",
    "NameNeeded",
    "NeedsName",
    "Phase",
    "Refused",
    "Trust",
    "UnknownIdentity",
    "decide_access",
    "identify",
    "identify_bucket",
    "identify_mongo",
    "is_protected",
    "kinds_of",
    "read_trust",
    "refuse_protected",
    "write_trust",
]
