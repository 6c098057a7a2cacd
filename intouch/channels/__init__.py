"""Channels: how one message leaves; nothing about why."""
