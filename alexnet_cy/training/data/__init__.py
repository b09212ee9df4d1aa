"""What a network learns from: images with their classes, split, and drawn by counted numbers."""
