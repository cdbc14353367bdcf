"""What a run's events amount to, as figures, a verdict, a report. Pure: plan and events in, values and text out."""
