"""The command line: one file per command, each of them thin. app.py turns errors into exit codes, once."""
