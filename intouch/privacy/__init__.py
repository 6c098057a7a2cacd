"""Privacy: what is held about a resident, handed over or erased, across every room."""
