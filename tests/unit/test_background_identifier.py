from __future__ import annotations

from dataclasses import fields
from typing import Any, cast

import pytest
from hypothesis import given, strategies as st

from pointillist.fitting.backgrounds.identifier import Parameter, abbreviations, write_identifier
from pointillist.fitting.backgrounds.mean import Mean
from pointillist.fitting.backgrounds.method import BackgroundMethod
from pointillist.fitting.backgrounds.no_background import NoBackground
from pointillist.fitting.backgrounds.percentile import Percentile
from pointillist.fitting.backgrounds.registry import METHODS, background_method, pyme_method
from pointillist.fitting.backgrounds.rolling_median import RollingMedian
from pointillist.fitting.backgrounds.sparse_median import SparseMedian

any_method = st.one_of(
    st.sampled_from([METHODS["none"](), METHODS["copy"]()]),
    st.builds(Mean, begin=st.integers(-99, -1), end=st.integers(0, 99)),
    st.builds(
        Percentile,
        begin=st.integers(-99, -1),
        end=st.integers(0, 99),
        percentile=st.floats(0, 1, exclude_min=True, allow_subnormal=False),
    ),
    st.builds(
        RollingMedian,
        kernel_size=st.integers(1, 999).map(lambda half: 2 * half),
        window=st.sampled_from(["past", "centred", "future"]),
        dcnum=st.booleans(),
    ),
    st.builds(
        SparseMedian,
        kernel_size=st.integers(1, 999),
        split_time=st.floats(1e-6, 1e6),
        thresh_cleansing=st.floats(0, 1e6),
        frac_cleansing=st.floats(1e-6, 1),
        offset_correction=st.booleans(),
        interval=st.integers(0, 999),
        dcnum=st.booleans(),
    ),
)


@pytest.mark.parametrize(
    ("keys", "short"),
    [
        (["kernel_size", "batch_size"], ["k", "b"]),
        (["cole", "coleman"], ["cole", "colem"]),
        (["camera", "campus"], ["came", "camp"]),
        (["a", "ab", "abc"], ["a", "ab", "abc"]),
        ([], []),
    ],
)
def test_keys_are_cut_to_their_shortest_unique_prefixes(keys: list[str], short: list[str]) -> None:
    assert abbreviations(keys) == dict(zip(keys, short, strict=True))


@given(st.lists(st.text("abc", min_size=1, max_size=5), unique=True, max_size=6))
def test_no_two_keys_share_an_abbreviation(keys: list[str]) -> None:
    found = abbreviations(keys)
    assert len(set(found.values())) == len(keys)
    assert all(key.startswith(prefix) for key, prefix in found.items())


def test_values_are_written_as_short_as_they_go() -> None:
    parameters: dict[str, Parameter] = {
        "on": True,
        "off": False,
        "whole": 2.0,
        "half": 0.5,
        "number": 3,
        "place": "past",
    }
    assert write_identifier("code", parameters) == "code:on=1^of=0^w=2^h=0.5^n=3^p=past"
    assert write_identifier("code", {}) == "code"


@pytest.mark.parametrize(
    ("given_text", "whole"),
    [
        ("none", "none"),
        ("copy:", "copy"),
        ("mean", "mean:b=-30^e=0^g=1"),
        ("percentile:p=0.5", "percentile:b=-30^e=0^p=0.5^g=1"),
        ("rollmed:k=100^b=10000", "rollmed:k=100^b=10000^w=centred^d=0^g=1"),
        ("rollmed:b=7^k=5", "rollmed:k=5^b=7^w=centred^d=0^g=1"),
        ("rollmed:kernel_size=6^win=past", "rollmed:k=6^b=10000^w=past^d=0^g=1"),
        ("rollmed:k=6^d=1", "rollmed:k=6^b=10000^w=future^d=1^g=1"),
        ("sparsemed:k=200^s=1^t=0^f=0.8^o=1", "sparsemed:k=200^s=1^t=0^f=0.8^o=1^i=0^d=0^g=1"),
        (" sparsemed ", "sparsemed:k=200^s=1^t=0^f=0.8^o=1^i=0^d=0^g=1"),
    ],
)
def test_an_identifier_is_completed(given_text: str, whole: str) -> None:
    assert background_method(given_text).identifier == whole


@given(any_method)
def test_an_identifier_leads_back_to_its_method(method: BackgroundMethod) -> None:
    assert background_method(method.identifier) == method
    assert all(field.name in method.defaults() for field in fields(cast("Any", method)))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("rolmed:k=3", "there is no background method 'rolmed'; did you mean rollmed?"),
        ("", "there is no background method ''; choose one of none, copy, mean, percentile, rollmed, sparsemed"),
        ("rollmed:x=3", "rollmed: there is no parameter 'x'; it has k (kernel_size), b (batch_size)"),
        ("none:x=3", "none: there is no parameter 'x'; it has no parameters"),
        ("rollmed:k=3^k=4", "rollmed:k=3^k=4: 'k=4' is not a valid KEY=VALUE"),
        ("rollmed:k", "rollmed:k: 'k' is not a valid KEY=VALUE"),
        ("rollmed:k=3.5", "rollmed: kernel_size is '3.5'; give a whole number"),
        ("rollmed:k=0", "rollmed: kernel_size is 0; give 1 or more"),
        ("rollmed:k=5^d=1", "rollmed: kernel_size is 5; give an even number, as dcnum requires"),
        ("rollmed:w=now", "rollmed: window is now; give one of past, centred, future"),
        ("rollmed:g=2", "rollmed: generation is 2; give 1, the one that this program has"),
        ("rollmed:d=yes", "rollmed: dcnum is 'yes'; give 0 or 1"),
        ("mean:b=0", "mean: end is 0; give more than the beginning, 0"),
        ("percentile:p=25", "percentile: percentile is 25.0; give a fraction above 0 and up to 1"),
        ("percentile:p=nan", "percentile: percentile is nan; give a fraction"),
        ("sparsemed:f=0", "sparsemed: frac_cleansing is 0.0; give a fraction above 0 and up to 1"),
        ("sparsemed:s=0", "sparsemed: split_time is 0.0; give a time above 0"),
        ("sparsemed:t=-1", "sparsemed: thresh_cleansing is -1.0; give 0 or more"),
        ("sparsemed:i=-1", "sparsemed: interval is -1; give 0 or more frames"),
        ("sparsemed:k=0", "sparsemed: kernel_size is 0; give 1 or more"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=r"[a-z]") as caught:
        background_method(text)
    assert str(caught.value).startswith(problem)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("background_range", "percentile", "identifier"),
    [
        ((-30, 0), 0.0, "mean:b=-30^e=0^g=1"),
        ((-30, 0), 0.25, "percentile:b=-30^e=0^p=0.25^g=1"),
        ((0, 0), 0.25, "none"),
    ],
)
def test_pymes_settings_are_methods_and_back(
    background_range: tuple[int, int], percentile: float, identifier: str
) -> None:
    method = pyme_method(background_range, percentile)
    assert method.identifier == identifier
    expected = (background_range, percentile) if not isinstance(method, NoBackground) else ((0, 0), 0.0)
    assert method.pyme_settings() == expected


@pytest.mark.parametrize(
    ("identifier", "nearest"),
    [
        ("rollmed:k=100^w=past", ((-100, 0), 0.5)),
        ("rollmed:k=101", ((-50, 51), 0.5)),
        ("rollmed:k=100^d=1", ((0, 100), 0.5)),
        ("sparsemed:i=5", ((0, 0), 0.0)),
    ],
)
def test_of_other_methods_pyme_is_told_the_nearest_that_it_can_do(identifier: str, nearest: Any) -> None:
    assert background_method(identifier).pyme_settings() == nearest


@pytest.mark.parametrize(
    ("identifier", "words"),
    [
        ("none", "none"),
        ("copy", "images of a background file"),
        ("mean:b=-30", "mean of the 30 frames before"),
        ("mean:b=-30^e=-2", "mean of the 28 frames from -30 to -3"),
        ("percentile:b=-5^e=6^p=0.25", "percentile 25 of the 11 frames from -5 to +5"),
        ("rollmed:k=100", "median of the 100 frames from -50 to +49"),
        ("rollmed:k=100^w=past", "median of the 100 frames before"),
        ("sparsemed:k=200^i=500", "median of 200 frames, one image every 500 frames"),
        ("sparsemed", "median of 200 frames, one image every 1 s"),
    ],
)
def test_a_method_describes_itself_in_words(identifier: str, words: str) -> None:
    assert background_method(identifier).description == words


@pytest.mark.parametrize("code", METHODS)
def test_every_method_has_a_description_of_its_own(code: str) -> None:
    assert "=" not in METHODS[code]().description
