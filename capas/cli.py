"""The command line: ``python3 -m capas …``, or ``.venv/bin/capas …``.

Each command imports what it needs when it runs, so that help is quick. A
`CapasError` is the user's situation: its sentence, exit code 1; likewise what the
operating system refuses (a full disk, a file of somebody else's). Ctrl-C: 130.
"""

import errno
import io
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import rich_utils
from typer.core import TyperGroup

from capas import __version__
from capas.errors import CapasError
from capas.kit.cli import app as kit_app
from capas.language import _, current, languages, use


def _help(*paragraphs: str, examples: tuple[str, ...] = ()) -> str:
    """Join the paragraphs of a command's help, and its examples."""
    if examples:
        listed = "\n".join(f"  {example}" for example in examples)
        paragraphs += ("[b]" + _("Examples") + "[/b]", listed)
    return "\n\n".join(paragraphs)


# Typer's own words have no catalogue of theirs.
rich_utils.ARGUMENTS_PANEL_TITLE = _("Arguments")
rich_utils.OPTIONS_PANEL_TITLE = _("Options")
rich_utils.COMMANDS_PANEL_TITLE = _("Commands")
rich_utils.ERRORS_PANEL_TITLE = _("Error")
rich_utils.DEFAULT_STRING = _("[default: {}]")
rich_utils.ENVVAR_STRING = _("[env var: {}]")
rich_utils.REQUIRED_LONG_STRING = _("[required]")
rich_utils.RICH_HELP = _("Try [blue]'{command_path} {help_option}'[/] for help.")
TYPERS = {
    "Show this message and exit.": _("Show this message and exit."),
    "Install completion for the current shell.": _("Install completion for the current shell."),
    "Show completion for the current shell, to copy it or customize the installation.": _(
        "Show completion for the current shell, to copy it or customize the installation."
    ),
}
"""What Typer says of its own options."""


def _translate(parameters: list[Any]) -> None:
    for parameter in parameters:
        if (said := getattr(parameter, "help", None)) in TYPERS:
            parameter.help = TYPERS[said]


class Group(TyperGroup):
    """Commands whose expected failures are a sentence, never a traceback."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return its parameters, with their help in our language."""
        found = super().get_params(ctx)
        _translate(found)
        return found

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command of it, likewise."""
        found = super().get_command(ctx, cmd_name)
        if found is not None:
            _translate(found.get_params(ctx))
        return found

    def invoke(self, ctx: Any) -> Any:
        """Run the command; turn a user's situation into a sentence and an exit code."""
        try:
            return super().invoke(ctx)
        except CapasError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from error
        except OSError as error:
            if error.errno == errno.EPIPE:  # who read our output has ended: Click's affair
                raise
            from capas.terminal import told

            typer.echo(told(error), err=True)
            raise typer.Exit(1) from error
        except KeyboardInterrupt as error:
            typer.echo("", err=True)
            raise typer.Exit(130) from error
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] in ("capas", ""):
                raise  # a bug of ours
            from capas.bootstrap import STAMP

            STAMP.unlink(missing_ok=True)
            typer.echo(
                _(
                    "“{name}” is missing from .venv: run `python3 -m capas` again to mend it."
                ).format(name=error.name),
                err=True,
            )
            raise typer.Exit(1) from error


app = typer.Typer(
    name="capas",
    cls=Group,
    help=_("Virtualization and Docker, taught by notebooks in which everything runs."),
    epilog=_("Begin with: python3 -m capas lab"),
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
engine_app = typer.Typer(
    help=_("The Docker Engine behind the lessons: start, stop, look, remove."),
    no_args_is_help=True,
)
app.add_typer(engine_app, name="engine", cls=Group)
app.add_typer(kit_app, name="kit", cls=Group)


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"capas {__version__}")
        raise typer.Exit


def _choose_language(language: str | None) -> str | None:
    if language is None:
        return None
    try:
        use(language)
    except CapasError as error:
        raise typer.BadParameter(str(error)) from error
    os.environ["CAPAS_LANG"] = current()  # what we start speaks it, too
    return current()


def _complete_language(incomplete: str) -> list[str]:
    return [name for name in languages() if name.startswith(incomplete)]


def _complete_lesson(incomplete: str) -> list[str]:
    from capas.paths import ROOT

    sources = sorted((ROOT / "notebooks/src").glob(f"{incomplete}*.md"))
    return [source.stem for source in sources]


def _complete_exercise(incomplete: str) -> list[str]:
    from capas.paths import ROOT

    found = sorted((ROOT / "exercises").glob(f"{incomplete}*/exercise.yaml"))
    return [path.parent.name for path in found]


def _complete_engine(incomplete: str) -> list[str]:
    return [name for name in ("auto", "found", "private") if name.startswith(incomplete)]


Language = Annotated[
    str | None,
    typer.Option(
        "--lang",
        metavar="|".join(languages()),
        help=_("Language; else that of $CAPAS_LANG or of this machine."),
        callback=_choose_language,
        is_eager=True,
        autocompletion=_complete_language,
    ),
]
EngineChoice = Annotated[
    str | None,
    typer.Option(
        "--engine",
        metavar="WHICH",
        help=_(
            "Which Docker Engine: one that is on this machine ([b]found[/b]), the course's own "
            "([b]private[/b]) or an address (unix:///…); else the first that runs a container."
        ),
        envvar="CAPAS_ENGINE",
        autocompletion=_complete_engine,
    ),
]


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", help=_("Say the version."), callback=_say_version, is_eager=True),
    ] = False,
) -> None:
    """Hold the options of `capas` itself; its help is that of `app`."""


@app.command(
    help=_help(
        _("Open the course in JupyterLab, with a Docker Engine behind it."),
        _(
            "Finds a Docker Engine or starts one of the course's own, opens the course in "
            "your browser, and prepares the lessons' images meanwhile. Ctrl-C stops all that it "
            "started."
        ),
        examples=("python3 -m capas lab", "python3 -m capas lab --lang es --no-browser"),
    )
)
def lab(
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help=_("Open the browser, or only say where."))
    ] = True,
    port: Annotated[
        int,
        typer.Option(min=1, max=65535, help=_("Port on 127.0.0.1; if taken, another is used.")),
    ] = 8888,
    lang: Language = None,
    engine: EngineChoice = None,
) -> None:
    """Open the course in JupyterLab."""
    from capas.lab import Lab

    raise typer.Exit(Lab(browser=browser, port=port, engine=engine).run())


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    help=_help(
        _("Check everything: code, lessons against their sources, every notebook, the apps."),
        _("What stands after [b]--[/b] goes to pytest."),
        examples=("python3 -m capas test", "python3 -m capas test --fast -- -k language -x"),
    ),
)
def test(
    ctx: typer.Context,
    fast: Annotated[bool, typer.Option("--fast", help=_("Only what needs no containers."))] = False,
    engine: EngineChoice = None,
) -> None:
    """Run all tests."""
    from capas.testing import run

    raise typer.Exit(run(fast=fast, engine=engine, arguments=ctx.args))


@app.command(
    help=_help(
        _("Say what this machine has and lacks for the course, and the one thing to do."),
        _("Exit code 0: the course can run here; 1: something that it needs is missing."),
    )
)
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help=_("For programs."))] = False,
    lang: Language = None,
    engine: EngineChoice = None,
) -> None:
    """Check this machine."""
    from capas import doctor

    checks = doctor.checks(engine)
    typer.echo(doctor.to_json(checks)) if as_json else doctor.show(checks)
    raise typer.Exit(0 if doctor.ready(checks) else 1)


@app.command(
    help=_help(
        _("Remove what the lessons left: containers, networks, volumes and images."),
        _(
            "Touches only what carries the label [b]capas[/b], and the volumes without a name of "
            "such containers; your own things, the course's base images and your files in work/ "
            "stay."
        ),
    )
)
def clean(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help=_("Only say what would be removed."))
    ] = False,
    images: Annotated[
        bool, typer.Option("--images", help=_("Remove the course's base images, too."))
    ] = False,
    engine: EngineChoice = None,
) -> None:
    """Remove what carries the course's label."""
    from capas.clean import clean

    raise typer.Exit(clean(engine, dry_run=dry_run, images=images))


@app.command(
    help=_help(
        _("Prepare the base images that the lessons build on."),
        _(
            "They come from Docker Hub where it can be reached; else from a mirror; else "
            "stand-ins are built here. `lab` does this by itself."
        ),
        examples=("capas images", "capas images --all", "capas images python:3.13-slim"),
    )
)
def images(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help=_("Only these."), show_default=False),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help=_("All of the course, not only the first lessons'."))
    ] = False,
    status: Annotated[
        bool, typer.Option("--status", help=_("Only say what is there; prepare nothing."))
    ] = False,
    engine: EngineChoice = None,
) -> None:
    """Prepare base images."""
    from capas.engine import ensure, find, images, started_here
    from capas.sharing import ours, sharing
    from capas.terminal import progress, table

    states = {
        "ready": _("ready"),
        "preparing": _("being prepared"),
        "missing": _("missing"),
        "failed": _("failed"),
    }
    origins = {
        "hub": "Docker Hub",
        "mirror": _("mirror"),
        "stand-in": _("stand-in"),
        "kit": _("kit"),
        "local": _("was here"),
    }
    with sharing():
        if status:
            found = find(engine)
            if found is None:
                raise CapasError(_no_engine())
        else:
            try:
                found = ensure(engine, progress)
            finally:
                if started_here():
                    ours()
            images.ensure(found, names or None, all=every, report=progress)
        rows = [
            (
                image.name,
                states[image.state],
                origins.get(image.origin or "", ""),
                f"{image.size / 1e6:.0f} MB" if image.size else "",
            )
            for image in images.status(found)
        ]
    table((_("image"), _("state"), _("from"), _("size")), rows)


@app.command(
    help=_help(
        _("Build lessons: from notebooks/src to the notebooks of each language, executed."),
        examples=("capas build", "capas build 06 --lang es", "capas build --check"),
    )
)
def build(
    lessons: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NN]...",
            help=_("Lessons by number or name; else all."),
            autocompletion=_complete_lesson,
            show_default=False,
        ),
    ] = None,
    lang: Annotated[
        str | None,
        typer.Option(
            "--lang",
            metavar="|".join(languages()),
            help=_("Only this language."),
            autocompletion=_complete_language,
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option("--check", help=_("Run nothing; fail if notebooks and sources differ.")),
    ] = False,
    execute: Annotated[
        bool,
        typer.Option(
            "--execute/--keep-outputs",
            help=_("Run the cells, or keep the outputs there are: for prose and metadata."),
        ),
    ] = True,
    labs: Annotated[
        bool, typer.Option("--labs", help=_("The labs of the exercises, instead of lessons."))
    ] = False,
    fresh: Annotated[
        bool,
        typer.Option("--fresh", help=_("Renew also the outputs that differ from run to run.")),
    ] = False,
    engine: EngineChoice = None,
) -> None:
    """Build lessons."""
    from capas import lessons as builder
    from capas.terminal import progress

    if check:
        for problem in (problems := builder.check()):
            typer.echo(problem, err=True)
        if problems:
            raise typer.Exit(1)
        typer.echo(_("Every notebook is what its source makes."))
        return
    numbers = [_number(lesson) for lesson in lessons or []]
    if not execute:
        languages = [lang] if lang else None
        builder.build(numbers or None, languages, False, progress, exercises=labs)
        return
    from capas.engine import ensure, started_here
    from capas.sharing import ours, sharing

    with sharing():
        try:
            found = ensure(engine, progress)
        finally:
            if started_here():
                ours()
        # The lessons' kernels find it.
        os.environ.update(found.environment() | {"CAPAS_ENGINE": found.host})
        builder.build(
            numbers or None,
            [lang] if lang else None,
            report=progress,
            fresh=fresh,
            exercises=labs,
        )


@app.command(
    help=_help(
        _("Check your answer to an exercise: build it, run it, look at it."),
        _(
            "Your files are in work/exercises/; they are put there if you have not begun yet. "
            "Exit code 0: all done; 1: not yet."
        ),
        examples=("capas check 06", "capas check 06 --hint", "capas check 06 --folder answer"),
    )
)
def check(
    exercise: Annotated[
        str,
        typer.Argument(
            metavar="NN", help=_("The exercise's number."), autocompletion=_complete_exercise
        ),
    ],
    folder: Annotated[
        Path | None,
        typer.Option(
            help=_("Files other than those in work/."),
            exists=True,
            file_okay=False,
            resolve_path=True,
        ),
    ] = None,
    hint: Annotated[
        bool, typer.Option("--hint", help=_("Say more about the first mistake; check nothing."))
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help=_("For programs."))] = False,
    classroom: Annotated[
        bool, typer.Option("--classroom", help=_("For GitHub Classroom's autograding reporter."))
    ] = False,
    lang: Language = None,
    engine: EngineChoice = None,
) -> None:
    """Check an exercise."""
    import json

    from capas.engine import ensure, images, started_here
    from capas.exercises import find, student
    from capas.sharing import ours, sharing
    from capas.terminal import progress

    found = find(exercise)
    if hint:
        typer.echo(student.more(found))
        return
    own = student.begin(found) if folder is None else folder
    progress(_("checking {folder}").format(folder=own))
    with sharing():
        try:
            answering = ensure(engine, progress)
        finally:
            if started_here():
                ours()
        images.ensure(answering, [*found.images, "busybox"], report=progress)
        verdict = student.check(found, answering, progress, folder)
    if classroom:
        from capas.grading.classroom import encoded

        typer.echo(encoded(verdict))
    else:
        typer.echo(json.dumps(verdict.to_dict(), indent=1) if as_json else repr(verdict))
    raise typer.Exit(0 if verdict.passed else 1)


@app.command(
    help=_help(
        _("Grade a class: one verdict per student and check, as CSV and as a report."),
        _(
            "SUBMISSIONS holds a folder, .zip, .tar.gz or git .bundle per student, called as the "
            "student. What is judged once is kept: after an interruption, call it again."
        ),
        examples=(
            "capas grade submissions --out results",
            "capas grade submissions --out results --exercise 06 --jobs 2",
        ),
    )
)
def grade(
    submissions: Annotated[
        Path,
        typer.Argument(
            metavar="SUBMISSIONS", help=_("The submissions."), exists=True, file_okay=False
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help=_("Where the results go."))],
    exercise: Annotated[
        str | None,
        typer.Option(
            metavar="NN",
            help=_("Only this exercise; submissions may then be just its files."),
            autocompletion=_complete_exercise,
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", min=1, help=_("How many at once; else one for two CPUs.")),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help=_("Judge on the workers of this Dask scheduler, instead.")
        ),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=1, help=_("How long one answer may take; else 900."))
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help=_("Judge also what has been judged."))
    ] = False,
    lang: Language = None,
    engine: EngineChoice = None,
) -> None:
    """Grade a class."""
    from capas.grading.commands import run

    run(
        submissions,
        out,
        exercise=exercise,
        jobs=jobs,
        scheduler=scheduler,
        seconds=seconds,
        again=again,
        engine=engine,
    )


@app.command(help=_help(_("Show which exercises you have done; it is kept on this machine.")))
def progress(lang: Language = None) -> None:
    """Show the progress."""
    from capas.exercises import exercises
    from capas.exercises import progress as kept
    from capas.terminal import table

    done = kept.done()
    rows = []
    for exercise in exercises():
        own = done.get(exercise.name, kept.Progress())
        state = (
            f"✓ {own.finished[:10]}"
            if own.finished
            else f"{own.done}/{own.checks}"
            if own.checks
            else "–"
        )
        rows.append((f"{exercise.number:02}", exercise.title, state))
    table((_("exercise"), _("title"), _("done")), rows)


@app.command(
    help=_help(
        _("Say which pinned images and packages have moved on, and to what."),
        _(
            "Exit code 0: none; 1: some have; 2: none that could be asked, but some registry "
            "did not answer."
        ),
        examples=("capas drift", "capas drift --json", "capas drift --write"),
    )
)
def drift(
    as_json: Annotated[bool, typer.Option("--json", help=_("For programs."))] = False,
    write: Annotated[
        bool,
        typer.Option("--write", help=_("Also pin the newest of each, and make lock files anew.")),
    ] = False,
) -> None:
    """Compare pinned versions with the registries'."""
    from dataclasses import asdict

    from capas import drift

    report = drift.look()
    typer.echo(drift.to_json(report)) if as_json else drift.show(report)
    for problem in report.problems:
        typer.echo(problem, err=True)
    for pin in drift.write(report) if write else []:
        left = _("{name} stays at {pinned}: the versions beside {file} allow no {newest}.")
        typer.echo(left.format(**asdict(pin)), err=True)
    raise typer.Exit(report.exit_code)


@app.command(
    help=_help(
        _("Make slides of the lessons, for a lecture room without a network."),
        _(
            "One HTML file a lesson and language, with an index page, in [b]work/slides[/b]. The "
            "code and outputs in them are those of the built notebooks."
        ),
        examples=("capas slides", "capas slides 06 --lang es --serve", "capas slides 05 --pdf"),
    )
)
def slides(
    lessons: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NN]...",
            help=_("Lessons by number or name; else all."),
            autocompletion=_complete_lesson,
            show_default=False,
        ),
    ] = None,
    lang: Annotated[
        str | None,
        typer.Option(
            "--lang",
            metavar="|".join(languages()),
            help=_("Only this language."),
            autocompletion=_complete_language,
        ),
    ] = None,
    serve: Annotated[
        bool, typer.Option("--serve", help=_("Show them in the browser; Ctrl-C ends it."))
    ] = False,
    pdf: Annotated[
        bool, typer.Option("--pdf", help=_("Print each deck to a PDF, too (by Chromium)."))
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", help=_("Folder for them; else work/slides."), show_default=False),
    ] = None,
) -> None:
    """Make slides."""
    from capas import slides

    numbers = [_number(lesson) for lesson in lessons or []]
    raise typer.Exit(slides.run(numbers or None, lang, out, serve=serve, pdf=pdf))


@app.command(
    help=_help(
        _("Make a static site of the course, with its slides, to read or to publish."),
        _(
            "A folder of HTML in each language, in [b]work/site[/b]; it asks nobody for anything. "
            "Nothing is executed: outputs are those of the built notebooks."
        ),
        examples=("capas site --serve", "capas site --out public"),
    )
)
def site(
    serve: Annotated[
        bool, typer.Option("--serve", help=_("Show it in the browser; Ctrl-C ends it."))
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", help=_("Folder for it; else work/site."), show_default=False),
    ] = None,
) -> None:
    """Make the site."""
    from capas import site
    from capas.terminal import tidy_end

    with tidy_end():
        raise typer.Exit(site.run(out, serve=serve))


def _no_engine() -> str:
    return _("No Docker Engine answers; `python3 -m capas doctor` says what to do.")


def _number(lesson: str) -> int:
    """Return the number of a lesson given as 6, 06 or 06-dockerfile."""
    digits = lesson.partition("-")[0]
    if not digits.isdecimal():
        raise typer.BadParameter(_("Name a lesson by its number, such as 06."))
    return int(digits)


class _State(StrEnum):
    up = "up"
    down = "down"
    absent = "absent"


@engine_app.command("up", help=_("Find a Docker Engine, or install and start the course's own."))
def engine_up(engine: EngineChoice = None) -> None:
    """Have an engine, and leave it running."""
    from capas.engine import ensure
    from capas.sharing import keep
    from capas.terminal import progress

    found = ensure(engine, progress)
    keep()
    typer.echo(
        _("{name} {version} answers at {host}; a container ran in {seconds:.1f} s.").format(
            name=found.name,
            version=found.version,
            host=found.host,
            seconds=found.probe_seconds,
        )
    )


@engine_app.command("down", help=_("Stop the course's own engine; its images and volumes stay."))
def engine_down() -> None:
    """Stop the private engine."""
    from capas.engine import PrivateEngine

    private = PrivateEngine()
    if private.status() == _State.up:
        private.down()
        typer.echo(_("The course's own engine is stopped."))
    else:
        typer.echo(_("The course's own engine is not running."))


@engine_app.command("status", help=_("Say which engine the lessons use. Exit code 1: none."))
def engine_status(engine: EngineChoice = None) -> None:
    """Say which engine answers; start nothing."""
    from capas.engine import PrivateEngine, find

    states = {
        _State.up: _("up"),
        _State.down: _("installed, not running"),
        _State.absent: _("not installed"),
    }
    own = states.get(_State(PrivateEngine().status()), "")
    typer.echo(_("The course's own engine: {state}.").format(state=own))
    found = find(engine)
    if found is None:
        raise CapasError(_no_engine())
    typer.echo(
        _("The lessons use: {name} {version} at {host}.").format(
            name=found.name, version=found.version, host=found.host
        )
    )


@engine_app.command(
    "remove", help=_("Remove the course's own engine with its images, volumes and packages.")
)
def engine_remove() -> None:
    """Remove the private engine; leave the machine as it was."""
    from capas.engine import PrivateEngine

    PrivateEngine().remove()
    typer.echo(_("The course's own engine is removed."))


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        # Redirected on Windows, or with LANG=C: what cannot be written is no reason to fail.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")
    app(prog_name="capas")


if __name__ == "__main__":
    main()
