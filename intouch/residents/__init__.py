"""Residents: sign-up, consent, subscriptions and the addresses they gave."""
