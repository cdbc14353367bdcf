"""The runbook and drill formats: model, loading, expressions, check. Pure: text in, values or problems out."""
