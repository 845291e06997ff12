"""Shapes on the sphere: from region files and objects, and rasterized to cells."""
