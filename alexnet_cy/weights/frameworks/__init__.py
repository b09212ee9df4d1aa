"""Files of other frameworks: what is not read is named, with what to do about it."""
