"""The OpenSearch sink: documents, bulk writing, and the indices that they go to."""
