"""AlexNet as scikit-learn's estimators, a file for each. Needs the extra ``sklearn``."""

try:
    import sklearn  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "sklearn":
        raise
    raise ModuleNotFoundError(
        "alexnet_cy.adapters.sklearn needs scikit-learn: pip install 'alexnet-cy[sklearn]'",
        name="sklearn",
    ) from None

from alexnet_cy.adapters.sklearn.classifier import AlexNetClassifier
from alexnet_cy.adapters.sklearn.features import AlexNetFeatures

__all__ = ["AlexNetClassifier", "AlexNetFeatures"]
