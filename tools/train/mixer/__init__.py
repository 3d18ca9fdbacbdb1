"""The Sparse Mixer: configuration, forward pass, first weights, int8 arithmetic, files."""
