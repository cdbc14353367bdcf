"""How a run talks to people and programs: interchangeable, chosen once at the top. It decides nothing."""
