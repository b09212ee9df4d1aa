"""Records: dataclasses to everybody, but cheaper to define."""

import copy
import pickle
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, is_dataclass, replace
from inspect import signature

import pytest

from alexnet_cy.contracts.records import record


@record(frozen=True, slots=True)
class Window:
    size: int
    stride: int = 1
    names: tuple[str, ...] = field(default_factory=tuple)
    area: int = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "area", self.size**2)


@record(frozen=True, slots=True)
class Other:
    size: int
    stride: int = 1


@dataclass(frozen=True, slots=True)
class Model:
    """What a record is compared with."""

    size: int
    stride: int = 1


def test_it_is_a_dataclass():
    window = Window(3, names=("a",))
    assert is_dataclass(window)
    assert [f.name for f in fields(window)] == ["size", "stride", "names", "area"]
    assert asdict(window) == {"size": 3, "stride": 1, "names": ("a",), "area": 9}
    assert replace(window, size=5) == Window(5, 1, ("a",))
    assert replace(window, size=5).area == 25
    match Other(3, 2):
        case Other(size, stride):
            assert (size, stride) == (3, 2)


def test_it_prints_compares_and_hashes_like_one():
    model, one = Model(3, 2), Other(3, 2)
    assert repr(one) == repr(model).replace("Model", "Other")
    assert one == Other(3, 2)
    assert one != Other(3, 1)
    assert one != model
    assert one != (3, 2)
    assert hash(one) == hash(model)
    assert len({one, Other(3, 2), Other(2, 3)}) == 2


def test_it_is_frozen():
    one = Other(3)
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'size'"):
        one.size = 4
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'colour'"):
        setattr(one, "colour", 1)  # noqa: B010  # type checkers know that there is none
    with pytest.raises(FrozenInstanceError, match="cannot delete field 'size'"):
        del one.size
    assert one == Other(3)
    assert not hasattr(one, "__dict__")


def test_copies():
    window = Window(3, 2)
    assert copy.copy(window) == copy.deepcopy(window) == window
    assert pickle.loads(pickle.dumps(window)) == window
    with pytest.raises(FrozenInstanceError):
        pickle.loads(pickle.dumps(window)).size = 4


def test_arguments_are_checked_as_always():
    with pytest.raises(TypeError, match=r"Other\(\) missing required argument: 'size'"):
        Other()
    with pytest.raises(TypeError, match="unexpected keyword argument 'width'"):
        Other(3, width=4)
    with pytest.raises(TypeError, match="multiple values for argument 'size'"):
        Other(3, size=4)
    with pytest.raises(TypeError, match="takes at most 2 arguments, 3 given"):
        Other(3, 1, 1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'area'"):
        Window(3, area=9)


def test_its_signature_is_that_of_a_dataclass():
    names = [(p.name, p.default) for p in signature(Model).parameters.values()]
    assert [(p.name, p.default) for p in signature(Other).parameters.values()] == names
    assert list(signature(Window).parameters) == ["size", "stride", "names"]


def test_it_must_be_frozen_with_slots():
    for settings in ({"frozen": False, "slots": True}, {"frozen": True, "slots": False}):
        with pytest.raises(ValueError, match="need True"):
            record(**settings)
