"""The local stack (a real Kafka and a real OpenSearch, without Docker), the demo, compose file and Dockerfile."""
