"""Files of other frameworks: Darknet, MatConvNet and MXNet; others are named, with what to do."""
