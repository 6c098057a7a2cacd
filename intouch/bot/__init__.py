"""Edge: Telegram updates in, replies out."""
