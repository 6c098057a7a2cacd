"""Edge: the public pages that need no account."""
