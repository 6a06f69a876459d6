"""From events to exact quantities."""
