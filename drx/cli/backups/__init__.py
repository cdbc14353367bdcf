"""`drx backups`: look at backups, check them, and delete what no rule keeps."""
