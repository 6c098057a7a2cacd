"""Issue reports: report, route, follow, update."""
