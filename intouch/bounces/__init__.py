"""Bounces: what mail servers and providers report about emails that left, and what follows for the address."""
