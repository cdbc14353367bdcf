"""Words that several families of actions share. No code."""

STRUCK = "Just before it struck, in UTC: what was written later is later."
"""What a fault says of its moment."""
SCRATCH = "drx_scratch_"
"""Begins the names of databases that a run makes for itself, and that `mongo.drop_scratch` drops."""
