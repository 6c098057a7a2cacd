"""Every email as it leaves."""
