"""The compiled part: contiguous arrays in and out, GIL released, no Python objects inside loops."""
