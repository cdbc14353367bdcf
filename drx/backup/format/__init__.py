"""What lies in a store: the stock dump format and what drx adds to it: told apart, read, written. Judges nothing."""
