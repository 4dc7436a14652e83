from __future__ import annotations

import pickle
import sys

import numpy as np
import pytest

from pointillist.localizations import Localizations


def table(n: int = 4, **more: object) -> Localizations:
    columns = {"frame": np.arange(n) // 2, "x": np.linspace(0, 300, n), "photons": np.linspace(100, 900, n)}
    return Localizations(columns=columns, units={"x": "nm", "photons": "photons"}, **more)  # type: ignore[arg-type]


def test_its_length_is_the_number_of_localizations() -> None:
    assert len(table(4)) == 4
    assert len(Localizations(columns={})) == 0


def test_a_mask_a_slice_and_row_numbers_give_tables_with_all_else_kept() -> None:
    whole = table(4, metadata={"voxelsize.x": 0.1}, failures={7: "lost"}, remarks=["a remark"])
    for part in (whole[whole["photons"] > 500], whole[2:], whole[[2, 3]], whole[np.array([2, 3])]):
        assert part["x"].tolist() == whole["x"][2:].tolist()
        assert part.units == whole.units
        assert (part.metadata, part.failures, part.remarks) == (whole.metadata, whole.failures, whole.remarks)
    assert len(whole[[]]) == 0


def test_a_mask_of_another_length_is_an_error() -> None:
    with pytest.raises(IndexError):
        table(4)[np.ones(3, dtype=bool)]


def test_one_row_number_is_refused_with_the_way_to_select_a_row() -> None:
    with pytest.raises(TypeError, match=r"\[0:1\]"):
        table()[0]  # type: ignore[call-overload]


def test_an_unknown_column_is_told_with_the_near_one() -> None:
    with pytest.raises(KeyError, match="'photons'"):
        table()["photon"]
    with pytest.raises(KeyError, match="frame, x, photons"):
        table()["qqq"]


def test_nothing_in_it_can_be_changed() -> None:
    given = np.arange(3.0)
    localizations = Localizations(columns={"x": given}, metadata={"a": 1})
    given[0] = 100
    assert localizations["x"][0] == 0
    with pytest.raises(ValueError, match="read-only"):
        localizations["x"][0] = 1
    with pytest.raises(TypeError):
        localizations.metadata["a"] = 2  # type: ignore[index]
    with pytest.raises(AttributeError):
        localizations.columns = {}  # type: ignore[misc]


def test_parts_share_the_memory_of_the_whole() -> None:
    whole = table(4)
    assert np.shares_memory(whole[1:]["x"], whole["x"])


@pytest.mark.parametrize(
    "columns", [{"x": np.zeros(2), "y": np.zeros(3)}, {"x": np.zeros((2, 2))}, {"x": np.zeros(())}]
)
def test_columns_that_are_no_table_are_refused(columns: dict[str, np.ndarray]) -> None:
    with pytest.raises(ValueError, match="one length"):
        Localizations(columns=columns)


def test_a_unit_without_column_is_refused() -> None:
    with pytest.raises(ValueError, match="no such columns"):
        Localizations(columns={"x": np.zeros(1)}, units={"y": "nm"})


def test_it_becomes_a_structured_array() -> None:
    rows = table().to_numpy()
    assert rows.dtype.names == ("frame", "x", "photons")
    assert rows["x"].tolist() == table()["x"].tolist()
    rows["x"] = 0  # an array of its own


def test_without_pandas_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        table().to_pandas()


def test_it_is_shown_with_units_and_its_first_and_last_rows() -> None:
    shown = repr(table(100, failures={3: "lost"}))
    assert shown.splitlines()[0] == "100 localizations in 50 frames; 1 frame could not be analysed"
    assert "x (nm)" in shown
    assert len(shown.splitlines()) == 13


def test_in_a_notebook_text_from_files_is_escaped() -> None:
    columns = {"<b>": np.zeros(1)}
    page = Localizations(columns=columns, units={"<b>": "<u>"}, remarks=["<script>"])._repr_html_()
    assert not {"<script>", "<b>", "<u>"} & {page[at : page.find(">", at) + 1] for at in range(len(page))}
    assert "&lt;script&gt;" in page


def test_it_can_be_pickled() -> None:
    whole = table(3, failures={1: "lost"}, remarks=["a"])
    again = pickle.loads(pickle.dumps(whole))  # noqa: S301 - our own
    assert again.to_numpy().tolist() == whole.to_numpy().tolist()
    assert (again.units, again.failures, again.remarks) == (whole.units, whole.failures, whole.remarks)
