"""Other engines: their model files, and one process of each that is timed on request.

Run as modules (python -m peers.NAME) by the Python of the environment that ../install.py makes."""
