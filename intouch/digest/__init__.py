"""Editions: the residents' weekly digest and the councillors' briefing."""
