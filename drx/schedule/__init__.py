"""When things run by themselves, and the files that make other programs run them. Pure."""
