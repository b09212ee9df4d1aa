"""HDF5 without its library, which trusts what a file says: Keras' weights and Caffe's."""
