"""The rows of the table, by theme. Each is made by a function that `ROWS` in peers.py names."""
