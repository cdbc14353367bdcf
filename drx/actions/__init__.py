"""The automated effects that runbooks name. One file per family; base.py says what an action is."""
