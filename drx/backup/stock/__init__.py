"""Read what stock mongodump wrote: directories and archives, plain or gzipped. Writes nothing.

Formats: mongo-tools, `common/archive` and `mongorestore/filepath.go`; the archive's check sum is CRC-64/XZ.
"""
