"""Tell people and machines what became of a run. Whatever goes wrong here changes nothing of the run itself."""
