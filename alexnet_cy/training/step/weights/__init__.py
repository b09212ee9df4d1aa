"""The weights that learn, where the kernels read them, and what is made of them at each step."""
