"""The state machine of a run: facts in, commands out. Pure: no clock, no I/O."""
