"""The disaster recovery plan: runbooks and settings as a document for the day when drx itself is gone. Pure."""
