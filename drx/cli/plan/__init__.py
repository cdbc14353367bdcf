"""`drx plan`: the plan out of committed files, its commands by hand, and what another objective would take."""
