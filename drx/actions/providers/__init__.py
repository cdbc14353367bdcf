"""Clients of the services that a recovery works with. Each knows one service's requests and answers, and no runbook."""
