"""scikit-learn's own checks of an estimator, by name.

`check_estimator` would run one of them: it leaves out all others where the input is no table.
"""

import pytest

pytest.importorskip("sklearn")

from sklearn.utils import estimator_checks

from alexnet_cy.adapters.sklearn import AlexNetFeatures

CHECKS = """
check_estimator_cloneable check_estimator_tags_renamed check_valid_tag_types check_estimator_repr
check_no_attributes_set_in_init check_parameters_default_constructible check_get_params_invariance
check_set_params check_do_not_raise_errors_in_init_or_set_params check_mixin_order
check_estimators_overwrite_params check_dont_overwrite_parameters check_estimators_fit_returns_self
check_readonly_memmap_input check_positive_only_tag_during_fit check_n_features_in_after_fitting
check_fit_check_is_fitted check_fit2d_1sample check_fit2d_1feature check_transformer_n_iter
check_transformer_get_feature_names_out check_set_output_transform
""".split()
WITH_PANDAS = """
check_transformer_get_feature_names_out_pandas check_set_output_transform_pandas
check_global_output_transform_pandas check_dataframe_column_names_consistency
""".split()


def run(name, weights):
    check = getattr(estimator_checks, name, None)
    if check is None:
        pytest.skip("this scikit-learn has no such check")
    check("AlexNetFeatures", AlexNetFeatures(weights, "pool5"))


@pytest.mark.parametrize("name", CHECKS)
def test_check(name, weights):
    run(name, weights)


@pytest.mark.parametrize("name", WITH_PANDAS)
def test_check_with_pandas(name, weights):
    pytest.importorskip("pandas")
    run(name, weights)
