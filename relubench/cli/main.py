"""The command line: verbs, exit statuses, and the only place that prints.

Modules are imported where a verb needs them: `--help` imports nothing, and only what trains or plans imports JAX.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from relubench.cli import output
from relubench.errors import Notice, UserError, unknown
from relubench.sweeps import interrupts

if TYPE_CHECKING:
    from pathlib import Path

    from relubench.cli.trials import Trials
    from relubench.sweeps.request import Request

HELP = """\
relubench: how many ReLU units die, and what fixes it.

usage: python -m relubench [VERB] [KEY=VALUE ...]

verbs
  run      (default) train what is missing, then merge, summarise, draw and print a table
  again    `again results/NAME [KEY=VALUE ...]`: what a folder's config.yaml holds, with these changes
  plan     runs, groups, chunks, memory and time of a run; trains nothing
  list     the experiments; those of one's own with --config-dir=DIR
  merge    tables, summary and figures from the parts of a sharded or interrupted run
  figures  draw the figures again, from Parquet alone
  compare  `compare A B [out=FOLDER]`: two folders of results side by side; settings, runs, and differences of metrics
  autopsy  `autopsy census.parquet [max_dead=0.2] [out=FILE.html]`: what is wrong with the units of a network of one's
           own, by the table of relubench.census; exit status 1 where a layer has a larger share of dead units
  report   every claim under out=results judged together: claims.md; the question answered: answer.md, report.html
  verify   oracles, and the experiments on published numbers; `verify 1 3` takes these rows of published numbers alone

examples
  python -m relubench                                      dead units over the learning rate, on digits
  python -m relubench seeds=64 'optimizer.learning_rate=0.1'
  python -m relubench experiment=custom 'grid.model.activation.name=[relu,elu]' seeds=16
  python -m relubench -m experiment=custom 'seed=range(0,64)' 'optimizer.learning_rate=.1,.01'
  python -m relubench shard=0/4                            one share of four; then: python -m relubench merge
  python -m relubench --config-dir=DIR 'imports=[my_study]' experiment=mine    work of one's own, see docs/own-work.md

Keys are those of conf/ (`--cfg job` prints them with their values); results go to out=results/NAME.
Exit status: 0 done, 1 failed or incomplete, 2 bad input; stopped by Ctrl-C 130, SIGTERM 143, SIGHUP 129.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (default: the process's own) and return its exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    _speak_plainly()
    with output.forgiving() as stdout, interrupts.noted():
        status = _run_command(arguments)
        stdout.flush()
    lost = output.complaint(stdout)
    if lost:
        print(f"relubench: {lost}", file=sys.stderr)
    return max(status, 1) if lost else status


def process() -> NoReturn:
    """Run the process's command line, and end the process."""
    status = main()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    if status > 128:  # at once, though a thread may be compiling
        os._exit(status)
    sys.exit(status)


def _run_command(arguments: list[str]) -> int:
    if arguments == ["help"] or {"--help", "-h"} & set(arguments):
        print(HELP, end="")
        return 0
    if "--version" in arguments:
        import importlib.metadata

        print(f"relubench {importlib.metadata.version('relubench')}")
        return 0
    try:
        verb, rest = _split_verb(arguments)
        status = VERBS[verb](rest)
        interrupts.check()  # a verb that has looked at no signal is done, but was asked to stop
        return status
    except UserError as error:
        print(f"relubench: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt as error:
        print(
            f"relubench: interrupted; what is on disk is safe; the same command resumes: {_command(arguments)}",
            file=sys.stderr,
        )
        return getattr(error, "exit_status", 130)


def _speak_plainly() -> None:
    """Escape what the terminal's encoding lacks, and show a notice as the line that it is."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    warnings.formatwarning = _warning_line


_format_warning = warnings.formatwarning


def _warning_line(message: Warning | str, category: type[Warning], *where: Any, **line: Any) -> str:
    if issubclass(category, Notice):
        return f"relubench: {message}\n"
    return _format_warning(message, category, *where, **line)


def _command(arguments: Sequence[str]) -> str:
    return shlex.join(["python", "-m", "relubench", *arguments])


def _split_verb(arguments: list[str]) -> tuple[str, list[str]]:
    if arguments and not arguments[0].startswith(("-", "~", "+")) and "=" not in arguments[0]:
        if arguments[0] not in VERBS:
            raise unknown("verb", arguments[0], VERBS)
        return arguments[0], arguments[1:]
    return "run", arguments


def _list(arguments: list[str]) -> int:
    from relubench import experiments
    from relubench.cli import compose

    designs = compose.listed(arguments)
    print(f"{'experiment':24} {'runs':>8} {'minutes':>8}  question")
    on_shelf = False
    for name, design in designs:
        if ("/" in name) != on_shelf:
            print()
            on_shelf = True
        experiment = experiments.find(name)
        minutes = f"{experiment.minutes:g}" if experiment.minutes else "-"
        print(f"{name:24} {design.runs:8,} {minutes:>8}  {experiment.question}")
        for factor in design.factors:
            print(f"{'':43}{factor.column}: {', '.join(level.name for level in factor.levels)}")
    print("minutes: about, at the default size on two cores; `plan` estimates any other size")
    return 0


def _with_request(task: str, *more: Any, again: Path | None = None, stored: bool = False) -> Callable[[list[str]], int]:
    """Return the verb that composes a request, and gives it (and `more`) to the function `task` of `verbs`."""

    def verb(arguments: list[str]) -> int:
        from relubench.cli import compose

        def batch(request: Request, trials: Trials) -> None:
            from relubench.cli import search

            search.batch(request, trials)

        def end(request: Request, trials: Trials, folder: Path) -> int:
            from relubench.cli import search

            return search.end(request, trials, folder)

        def noted(request: Request) -> int:
            from relubench.cli import verbs

            for note in request.notes:
                print(f"note: {note}")
            return getattr(verbs, task)(request, *more)

        search = compose.Search(batch, end) if task == "run" else None
        return compose.main(arguments, noted, again, stored=stored, search=search)

    return verb


def _again(arguments: list[str]) -> int:
    from pathlib import Path

    from relubench.cli.groups import user_folder

    conf, words = user_folder(arguments)
    option = [] if conf is None else [f"--config-dir={conf}"]
    folder = next((word for word in words if "=" not in word and not word.startswith("-")), None)
    if folder is None:
        raise UserError("again: it takes a folder of results, such as: again results/bias seeds=128")
    words.remove(folder)
    return _with_request("run", again=Path(folder))([*option, *words])


def _compare(arguments: list[str]) -> int:
    from relubench.cli import compose, verbs

    return compose.with_two_folders(arguments, verbs.compare)


def _autopsy(arguments: list[str]) -> int:
    from relubench.cli import verbs

    files = [word for word in arguments if "=" not in word]
    given = dict(word.split("=", 1) for word in arguments if "=" in word)
    if len(files) != 1 or not set(given) <= {"max_dead", "out"}:
        raise UserError(
            f"autopsy {shlex.join(arguments)}: it takes a table that relubench.census has made, as a Parquet file, "
            "max_dead=SHARE, and out=FILE.json or out=FILE.html"
        )
    return verbs.autopsy(files[0], given.get("max_dead"), given.get("out"))


def _report(arguments: list[str]) -> int:
    return _with_request("report", stored=True)(["experiment=custom", "name=report", "out=results", *arguments])


def _verify(arguments: list[str]) -> int:
    rows = [int(argument) for argument in arguments if re.fullmatch("[0-9]{1,9}", argument)]
    others = [argument for argument in arguments if not re.fullmatch("[0-9]{1,9}", argument)]
    return _with_request("verify", rows)(["experiment=custom", "name=verify", "out=results/published", *others])


VERBS: dict[str, Callable[[list[str]], int]] = {
    "run": _with_request("run"),
    "again": _again,
    "plan": _with_request("plan"),
    "list": _list,
    "merge": _with_request("merge", stored=True),
    "figures": _with_request("figures", stored=True),
    "compare": _compare,
    "autopsy": _autopsy,
    "report": _report,
    "verify": _verify,
}
