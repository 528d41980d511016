"""What becomes of an uploaded batch: pure functions of the batch and of what is held."""
