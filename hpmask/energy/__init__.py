"""Energy axes: bin edges, their units, and their tables in FITS files."""
