"""The command line of the course. Every command imports what it needs when it runs, so that --help answers at once."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from knowpay import cli

app = typer.Typer(
    help="How a paid-knowledge startup acquires, converts and keeps its users: a course in notebooks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
notebooks = typer.Typer(help="The lessons' notebooks and their .py sources.", no_args_is_help=True)
exercises = typer.Typer(help="The learners' exercise notebooks and their sources.", no_args_is_help=True)
app.add_typer(notebooks, name="notebooks")
app.add_typer(exercises, name="exercises")

Lessons = Annotated[list[str] | None, typer.Argument(help="Lesson numbers, such as 12; all when left out.")]
Seed = Annotated[int, typer.Option(help="Seed of the simulated company.")]
Company = Annotated[
    list[str] | None,
    typer.Option(metavar="KNOB=NUMBER", help="A knob of the simulated company, such as churn=0.6; may be repeated."),
]
Jobs = Annotated[int, typer.Option(min=0, help="Lessons run at a time; 0 means two, or one on a single core.")]


@app.command()
def course(
    data: Annotated[
        str, typer.Option(help="What knowpay.open takes: world:standard, oulad, a folder.")
    ] = "world:standard",
    seed: Seed = 0,
    only: Annotated[list[str] | None, typer.Option(help="Run these lessons only: 12 or 12,15.")] = None,
    jobs: Jobs = 0,
    company: Company = None,
) -> None:
    """Generate the company, run every lesson, render the book, print the scorecard. Resumes where it stopped.

    The status is 1 when a lesson failed, and 3 when all ran but those that the data cannot carry.
    """
    from knowpay_course import runner

    chosen = [name for names in only or () for name in names.split(",")]
    raise typer.Exit(runner.course(data, seed, chosen, jobs, company=knobs(company or ())))


@app.command()
def book() -> None:
    """Render the book from the lessons that `knowpay-course course` ran, or else from the notebooks as they are."""
    from knowpay_course import ROOT
    from knowpay_course.book.render import NOTEBOOKS, build

    ran = ROOT / "build" / "course" / "notebooks"
    typer.echo(f"The book lies at {build(ran if any(ran.glob('*.ipynb')) else NOTEBOOKS)}")


@app.command()
def bench(
    parts: Annotated[
        list[str] | None,
        typer.Argument(
            help="sessions, ingest, spark or peers: what grows with the data, or other libraries beside ours, instead "
            "of the course; lessons: each with 2,000, 20,000 and 50,000 users, status 1 where one takes more memory "
            "than it may; or run: `knowpay run` on 0.1, 1 and 3 million events."
        ),
    ] = None,
    setup: Annotated[bool, typer.Option("--setup", help="The set-up of a new environment too.")] = False,
    large: Annotated[
        bool,
        typer.Option("--large", help="The company of a million users, the ingest of 100 million events too."),
    ] = False,
) -> None:
    """Measure set-up, generation, lessons and book, or the parts named, in seconds and memory."""
    from knowpay_course.maintain import bench, bench_data, bench_lessons, bench_run

    if parts in (["lessons"], ["run"]):
        raise typer.Exit((bench_lessons if parts == ["lessons"] else bench_run).main())
    raise typer.Exit(bench_data.main(parts, large) if parts else bench.main(setup, large))


@app.command()
def calibrate() -> None:
    """Measure the simulated company beside published figures and write datasets/world.md."""
    from knowpay_course.maintain import calibrate

    typer.echo(f"{calibrate.write()} is written")


@app.command()
def power() -> None:
    """Measure whether the deciding check of each lesson can tell the truth from a wrong answer; write book/power.md."""
    from knowpay_course.maintain import power

    typer.echo(f"{power.write()} is written")


@app.command()
def world(
    size: Annotated[str, typer.Argument(help="How large a company: small, standard or large.")],
    out: Annotated[Path, typer.Option(help="A new folder; the export goes to data/, what is true to truth/.")],
    seed: Seed = 0,
    company: Company = None,
) -> None:
    """Generate a simulated company as an export, with the truth behind it in a folder of its own."""
    from knowpay import world as simulator

    if out.exists() and any(out.iterdir()):
        raise ValueError(f"The folder {out} is not empty: name a new one, so that no file of yours is overwritten.")
    simulator.write(size, seed, out / "data", out / "truth", **knobs(company or ()))
    typer.echo(f"world:{size}, seed {seed}: the export is in {out / 'data'}, the truth in {out / 'truth'}")


@app.command()
def replicate(
    only: Lessons = None,
    companies: Annotated[int, typer.Option(min=2, help="How many companies, each with its own seed and knobs.")] = 40,
    jobs: Annotated[int, typer.Option(min=1, help="Companies at a time.")] = 2,
) -> None:
    """Run the lessons on other simulated companies and say whether the errors of their checks are right. Resumes."""
    from knowpay_course.maintain import replicate

    raise typer.Exit(replicate.main(only or (), companies, jobs))


@notebooks.command("build")
def notebooks_build(only: Lessons = None, jobs: Jobs = 1) -> None:
    """Execute the sources and write the notebooks with their outputs, and the README's table of the lessons."""
    from knowpay import doctor

    from knowpay_course import ROOT, CourseError, markdown
    from knowpay_course.book.pages import lesson_table
    from knowpay_course.build import build
    from knowpay_course.lesson import lessons

    lock = doctor.lock_finding(ROOT / "requirements.lock", doctor.installed)
    if lock.remedy:
        raise CourseError(f"Outputs are written with the locked packages only: {lock.value}. {lock.remedy}")
    build(only or (), jobs=max(jobs, 1))
    markdown.fill(ROOT / "README.md", "lessons", lesson_table(lessons()))


@notebooks.command("check")
def notebooks_check(only: Lessons = None) -> None:
    """Say where a notebook and its source differ, or what it lacks."""
    from knowpay_course.lesson import lessons
    from knowpay_course.notebooks import disagreements

    cli.report(disagreements(only or ()), f"{len(lessons(only or ()))} notebooks agree with their sources")


@exercises.command("build")
def exercises_build(only: Lessons = None) -> None:
    """Generate the learners' notebooks from the sources that hold the solutions."""
    from knowpay_course.exercises import build

    for path in build(only or ()):
        typer.echo(f"{path.name}: written")


@exercises.command("check")
def exercises_check() -> None:
    """Say which learners' notebooks are not what their sources give."""
    from knowpay_course.exercises import outdated, sources

    cli.report(outdated(), f"{len(sources())} exercise notebooks are what their sources give")


def knobs(texts: Iterable[str]) -> dict[str, float]:
    """Return {"churn": 0.6} for ["churn=0.6"]; whole numbers stay whole. Raises ValueError for what is no such text."""
    turned: dict[str, float] = {}
    for text in texts:
        from knowpay import world

        key, _, number = text.partition("=")
        try:
            turned[key] = int(number) if number.isdecimal() else float(number)
        except ValueError:
            key = ""
        if key not in world.KNOBS:
            known = ", ".join(world.KNOBS)
            raise ValueError(f"--company takes KNOB=NUMBER, such as churn=0.6, not {text!r}; the knobs are {known}.")
    return turned


def main() -> None:
    """Run the command line of the course."""
    cli.start(app)
