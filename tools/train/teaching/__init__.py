"""The teacher: a BERT encoder, fine-tuned, and its soft labels."""
