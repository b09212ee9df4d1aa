"""A new last layer on features that do not change: multinomial logistic regression."""
