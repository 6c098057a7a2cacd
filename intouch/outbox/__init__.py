"""Deliveries on their way out: enqueue, claim, send, settle."""
