"""Consume, batch, write, commit: brings records, trails and findings into OpenSearch."""
