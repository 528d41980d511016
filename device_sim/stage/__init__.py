"""What demo and scenarios stand on: programs, workers, books, and how they are compared."""
