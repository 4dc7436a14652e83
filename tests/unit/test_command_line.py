"""Every command ends courteously, is documented, and shows how far it is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from pointillist.api.following import Listener, follow
from pointillist.cli import key, maps
from pointillist.cli.durations import duration
from pointillist.cli.error_handling import PlainErrorsCommand
from pointillist.cli.following import describe
from pointillist.cli.main import COMMANDS, load, pointillist
from pointillist.cli.progress_display import SECONDS_BETWEEN_LINES, Lines
from pointillist.errors import PointillistError, ServerError
from pointillist.pipeline_protocol.messages.reports import JobState, Progress

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "commands.md"


GROUPS = {"key": key.SUBCOMMANDS, "maps": maps.SUBCOMMANDS}
ALL = [
    *(name for name in COMMANDS if name not in GROUPS),
    *(f"{group} {name}" for group, subcommands in GROUPS.items() for name in subcommands),
]


def command(name: str) -> click.Command:
    found = load(name.split(maxsplit=1)[0])
    if isinstance(found, click.Group):
        below = found.get_command(click.Context(found), name.split()[1])
        assert below is not None
        return below
    return found


def sections() -> dict[str, str]:
    parts = re.split(r"^## `([a-z -]+)`.*$", REFERENCE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("name", ALL)
def test_every_command_and_option_is_documented_with_an_example(name: str) -> None:
    section = sections()[name]
    for parameter in command(name).params:
        if isinstance(parameter, click.Argument):
            assert parameter.make_metavar(click.Context(command(name))).strip("[].") in section
        else:
            for option in [*parameter.opts, *parameter.secondary_opts]:
                assert f"`{option}" in section, f"{option} of {name} is not documented"
    assert "```console" in section


def test_the_reference_names_no_command_or_option_that_does_not_exist() -> None:
    assert set(sections()) == set(ALL)
    for name, section in sections().items():
        parameters = command(name).params
        options = {option for one in parameters for option in [*one.opts, *one.secondary_opts]} | {"--help"}
        assert set(re.findall(r"^\| `(--?[a-z-]+)", section, flags=re.MULTILINE)) <= options


@pytest.mark.parametrize("name", [*ALL, *GROUPS])
def test_every_command_has_help_of_its_own(name: str) -> None:
    result = CliRunner().invoke(pointillist, [*name.split(), "--help"])
    assert result.exit_code == 0
    assert "xample" in result.stdout


def test_help_lists_all_commands() -> None:
    result = CliRunner().invoke(pointillist, ["--help"])
    assert all(name in result.stdout for name in COMMANDS)


@pytest.mark.parametrize("group", ["", *GROUPS])
def test_help_shows_the_whole_sentence_about_each_command(group: str) -> None:
    lines = CliRunner().invoke(pointillist, [*group.split(), "--help"], terminal_width=80).stdout.splitlines()
    described = dict(line.split(maxsplit=1) for line in lines[lines.index("Commands:") + 1 :] if line.strip())
    assert list(described) == list(GROUPS.get(group, COMMANDS))
    assert all(text.endswith(".") and not text.endswith("..") for text in described.values())
    assert max(map(len, lines)) <= 80


def test_an_unknown_command_is_refused() -> None:
    assert CliRunner().invoke(pointillist, ["analize"]).exit_code == 2


def command_that_raises(error: BaseException) -> PlainErrorsCommand:
    def callback() -> None:
        raise error

    return PlainErrorsCommand(name="trial", callback=callback, interrupted="stopped; go on later")


def test_an_error_is_one_line_without_traceback() -> None:
    result = CliRunner().invoke(command_that_raises(PointillistError("movie.h5", "is broken", "mend it")))
    assert result.exit_code == 1
    assert result.stderr == "error: movie.h5: is broken; mend it\n"


def test_ctrl_c_says_how_to_go_on() -> None:
    result = CliRunner().invoke(command_that_raises(KeyboardInterrupt()))
    assert result.exit_code == 130
    assert result.stderr == "stopped; go on later\n"


def test_an_unexpected_error_is_one_line_that_names_the_file_with_the_traceback() -> None:
    result = CliRunner().invoke(command_that_raises(RuntimeError("the unexpected\nin two lines")))
    assert result.exit_code == 1
    assert result.stderr.startswith("error: RuntimeError: the unexpected; ")
    assert result.stderr.count("\n") == 1
    kept = Path(result.stderr.split()[-1])
    assert "Traceback" in kept.read_text(encoding="utf-8")
    kept.unlink()


def test_plain_progress_is_a_line_every_few_seconds() -> None:
    now, lines = [0.0], list[str]()
    display = Lines("movie.h5", 200, lines.append, lambda: now[0])
    for n_done in range(0, 200, 10):
        now[0] += SECONDS_BETWEEN_LINES / 4
        display.show(n_done, "480 frames/s")
    assert len(lines) == 5
    assert lines[0] == "movie.h5: 30 of 200 frames (15 %), 480 frames/s"


def progress(state: str, **changes: object) -> Progress:
    fields: dict[str, object] = {
        "request": 1, "job": "j", "state": JobState(state), "movie": "/data/movie.h5", "output": "/data/movie.h5r",
        "n_frames": 1000, "n_done": 400, "n_failed": 0, "n_items": 12000, "n_resumed": 0, "rate": 300.0,
        "n_workers": 2, "elapsed_s": 2.0, "seconds": {}, "failures": {},
    }  # fmt: skip
    return Progress(**{**fields, **changes})  # type: ignore[arg-type]


class FakeClient:
    """Answers with one progress after the other."""

    def __init__(self, *answers: Progress) -> None:
        self.answers = list(answers)

    def progress(self, job: str) -> Progress:
        del job
        return self.answers.pop(0)


def test_a_job_is_followed_to_its_end() -> None:
    said, seen = list[str](), list[Progress]()
    client = FakeClient(progress("running", n_resumed=250), progress("finishing"), progress("finished"))
    listener = Listener(on_message=said.append, on_progress=seen.append)
    assert follow(client, "j", listener).state == "finished"  # type: ignore[arg-type]
    assert said == ["resuming: 250 of 1000 frames are done"]
    assert [each.state for each in seen] == ["running", "finishing", "finished"]


def test_a_paused_job_is_an_error_that_says_why() -> None:
    client = FakeClient(progress("running"), progress("paused", reason="the disk is full"))
    with pytest.raises(ServerError, match=r"the disk is full.*same command"):
        follow(client, "j", Listener())  # type: ignore[arg-type]


def test_a_stopped_job_is_an_error_that_says_how_to_go_on() -> None:
    with pytest.raises(ServerError, match="same command again to resume"):
        follow(FakeClient(progress("stopped")), "j", Listener())  # type: ignore[arg-type]


def test_progress_tells_speed_results_and_time_left() -> None:
    assert describe(progress("running")) == "300 frames/s, 12000 localizations, 2.0 s left"
    assert describe(progress("running", rate=0.0)) == "12000 localizations"
    assert "3 frames failed" in describe(progress("running", n_failed=3))
    assert "writing" in describe(progress("finishing"))


@pytest.mark.parametrize(("seconds", "text"), [(4.72, "4.7 s"), (59, "0:59"), (754, "12:34"), (12300, "3:25:00")])
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("arguments", "status"), [(["--version"], 0), (["info", "nothing.npy"], 1), (["analize"], 2)])
def test_a_command_ends_without_a_traceback_where_python_is_to_stay_interactive(
    tmp_path: Path, arguments: list[str], status: int
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from pointillist.cli.main import pointillist; pointillist()", *arguments],
        env={**os.environ, "PYTHONINSPECT": "1"},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [["launch-workers", "99999999"], ["analyse", "movie.h5", "--workers", "9999999"]])
def test_workers_far_beyond_the_cores_are_refused(arguments: list[str]) -> None:
    result = CliRunner().invoke(pointillist, arguments)
    assert result.exit_code == 1
    assert re.fullmatch(r"error: 9+ workers: too many for \d+ cores?; start at most \d+\n", result.output)
