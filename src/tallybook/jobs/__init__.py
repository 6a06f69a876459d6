"""What runs by itself: calls services, holds no rule."""
