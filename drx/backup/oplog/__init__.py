"""The oplog: captured, archived in slices, followed, and folded to its net effect. Executes no operation."""
