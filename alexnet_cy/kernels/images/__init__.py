"""The extension module of images: their resize."""
