"""Masks to and from other packages, with a module for each package. A module is imported when it is used."""
