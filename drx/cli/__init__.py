"""The command line: one file per command, each of them thin. app.py turns errors into exit codes, once."""

import gc

gc.set_threshold(200_000)  # new objects: loading all that follows, and a long run, make many, none of them garbage
