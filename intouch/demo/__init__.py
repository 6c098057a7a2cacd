"""A council to play with: seed data, a simulated Telegram and a mailbox."""
