"""What one lesson needs beyond its cells: a file a lesson, as a chapter has its file."""
