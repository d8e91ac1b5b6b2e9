"""GitHub's audit log out of files: exports, and what a stream wrote to a bucket."""
