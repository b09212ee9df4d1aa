"""AlexNet as other libraries want it, a folder for each; all of them are optional."""
