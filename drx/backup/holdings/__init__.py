"""What stores hold, and what that is worth: restorable windows, the rule 3-2-1, retention. Writes nothing."""
