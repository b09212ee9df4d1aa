"""Files of other frameworks: HDF5 is read; what is not read is named, with what to do about it."""
