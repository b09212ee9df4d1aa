"""Features of whole collections, written to files: resumed after a crash, cut into shards.

`AlexNet.write_features` is the way in. The call path::

    write --> items         what the images are, and what they are called
      |-----> form          from a layer's values to the rows of a file
      |-----> space         how much room the output takes
      |-----> manifest      what makes two jobs the same
      |-----> unfinished    rows that grow on disk, and the journal of what is done
      `-----> formats/      finished rows to .npz, folders, HDF5, MAT, CSV, Parquet
"""
