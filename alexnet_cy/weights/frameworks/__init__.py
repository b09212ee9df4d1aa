"""Files of other frameworks: HDF5 and MXNet are read; others are named, with what to do."""
