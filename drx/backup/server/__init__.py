"""A MongoDB server as backups see it: raw documents read and inserted, byte for byte."""
