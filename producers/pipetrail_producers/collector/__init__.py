"""The collector: takes webhooks and events over HTTP, keeps them safe before it answers, and brings them to Kafka."""
