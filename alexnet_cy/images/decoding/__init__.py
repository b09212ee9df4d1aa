"""Image files, objects and arrays, decoded: whatever comes, as upright RGB of 8 bits."""
