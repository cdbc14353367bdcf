"""`drx` and `drx status`: read what readiness is judged by, and show it."""
