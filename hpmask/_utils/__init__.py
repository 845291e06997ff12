"""Used all over hpmask: checks of arguments, threads, progress bars, the history, warnings and errors."""
