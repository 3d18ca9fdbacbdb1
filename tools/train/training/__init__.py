"""The training loop and what carries it: checkpoints, processes, progress."""
