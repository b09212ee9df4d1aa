"""What came of it: accuracy, confusion, the images that were got most wrong, pictures of curves."""
