"""What every room agrees on: the event, the trail, the finding, ids, topics, codec, errors and connection settings."""
