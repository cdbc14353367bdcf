"""`drx schedule`: what runs by itself, and the files that make it so."""
