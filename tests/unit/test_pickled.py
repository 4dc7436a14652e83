from __future__ import annotations

import contextlib
import json
import pickle
from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from pointillist.pipeline_files.pickled import NotPlainError, loads
from pointillist.settings.metadata import Value

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
plain = st.recursive(
    scalars,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def same(a: object, b: object) -> bool:
    return repr(a) == repr(b)


@given(plain)
def test_whatever_is_plain_comes_back_of_the_same_types(value: Value) -> None:
    assert same(loads(pickle.dumps(value, 0)), value)


@given(st.binary(max_size=60) | st.text("()tlda.spgILFSVN01\n'\\", max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused_with_one_kind_of_error(text: bytes) -> None:
    with contextlib.suppress(NotPlainError):
        json.dumps(loads(text))


@given(plain, st.integers(min_value=0))
def test_a_pickle_that_is_cut_off_is_refused(value: Value, length: int) -> None:
    text = pickle.dumps(value, 0)
    with pytest.raises(NotPlainError):
        loads(text[: length % len(text)])


@given(plain, st.data())
def test_a_damaged_pickle_never_does_more_than_return_or_refuse(value: Value, data: st.DataObject) -> None:
    text = bytearray(pickle.dumps(value, 0))
    text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(NotPlainError):
        json.dumps(loads(bytes(text)))


@pytest.mark.parametrize(
    "text",
    [
        b"cos\nsystem\n(S'true'\ntR.",
        b"(S'true'\nios\nsystem\n.",
        pickle.dumps(Fraction(1, 3), 0),
        pickle.dumps(print, 0),
        pickle.dumps((1, 2), 2),
        b"(I1\ntp0\n.I2\n.",
        b"I1\n",
        b"(.",
        b"(p0\ng0\n.",
        b"S'\\d'\n.",
        b"",
        b"An ordinary sentence.",
    ],
)
def test_code_objects_and_other_texts_are_refused(text: bytes) -> None:
    with pytest.raises(NotPlainError):
        loads(text)


def test_what_python_2_wrote_is_read() -> None:
    assert loads(b"(lp0\nS'caf\\xc3\\xa9'\np1\naL5L\naI01\naNaF-1.5\na.") == ["café", 5, True, None, -1.5]
    assert loads(b'S"it\'s\\n"\n.') == "it's\n"


def test_a_list_that_contains_itself_is_refused() -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(NotPlainError):
        loads(pickle.dumps(endless, 0))


def test_a_small_text_that_unfolds_to_a_huge_value_is_refused() -> None:
    bomb: object = ["x"] * 10
    for _ in range(8):
        bomb = [bomb] * 10
    with pytest.raises(NotPlainError):
        loads(pickle.dumps(bomb, 0))
