"""What every part of hpmask uses: checks of arguments, threads, progress bars, the history, errors."""
