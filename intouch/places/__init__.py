"""Places: areas, wards, boundaries and postcodes."""
