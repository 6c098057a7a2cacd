"""Pulse surveys: launch, invite, answer, results."""
