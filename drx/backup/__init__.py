"""Back up, restore and verify databases in the stock dump format; reaches servers and stores, never a screen."""
