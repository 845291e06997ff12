"""To and from other packages, a module for each. Nothing here is imported before it is used."""
