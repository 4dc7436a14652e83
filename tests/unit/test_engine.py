from __future__ import annotations

from collections.abc import Iterator
from typing import Self

import pytest

from pointillist.api import Engine, EngineChoice, EngineName
from pointillist.errors import ServerError
from pointillist.pipeline_protocol.discovery import search
from pointillist.pipeline_protocol.discovery.search import ServerLocation


class Nobody:
    """A network without a server."""

    def __init__(self, *_: object) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def servers(self, *_: object) -> Iterator[object]:
        yield from ()


def engine(name: EngineName, monkeypatch: pytest.MonkeyPatch, said: list[str], *, is_shared: bool) -> Engine:
    monkeypatch.setattr(search, "is_key_shared", lambda: is_shared)
    monkeypatch.setattr(search, "existing_keys", lambda: None)
    monkeypatch.setattr(search, "Browser", Nobody)
    return Engine(EngineChoice(name=name, location=ServerLocation(cluster="no such")), said.append)


@pytest.mark.parametrize("is_shared", [True, False])
def test_a_run_that_could_have_a_cluster_says_that_it_has_none(
    monkeypatch: pytest.MonkeyPatch, *, is_shared: bool
) -> None:
    said: list[str] = []
    assert engine("auto", monkeypatch, said, is_shared=is_shared)._address() is None
    assert ("no server was found: the job runs on this machine alone" in "".join(said)) == is_shared


def test_a_cluster_that_is_wanted_and_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ServerError, match="no server was found"):
        engine("cluster", monkeypatch, [], is_shared=True)._address()
