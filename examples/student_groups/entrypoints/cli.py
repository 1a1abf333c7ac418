"""The command line: forms groups, or serves the page."""

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from random import randrange

import uvicorn

from examples.student_groups.bootstrap import UseCases, bootstrap
from examples.student_groups.domain.exceptions import GroupsError
from examples.student_groups.entrypoints.web import create_app


def main(arguments: Sequence[str] | None = None, use_cases: UseCases | None = None) -> int:
    parser = ArgumentParser(prog="student_groups", description="Form random student groups from text files.")
    classes = Path(__file__).parents[1] / "classes"
    parser.add_argument("--folder", type=Path, default=classes, help="a text file per class")
    commands = parser.add_subparsers(dest="command", required=True)
    form = commands.add_parser("form", help="form groups")
    form.add_argument("class_name", help="the name of a file, without .txt")
    form.add_argument("--groups", type=int, default=2, help="how many (default 2)")
    form.add_argument("--seed", type=int, default=randrange(1_000_000), help="form the same groups again")  # noqa: S311
    commands.add_parser("serve", help="serve the page").add_argument("--port", type=int, default=8000)
    options = parser.parse_args(arguments)
    use_cases = use_cases or bootstrap(options.folder)
    if options.command == "serve":
        uvicorn.run(create_app(use_cases), port=options.port)
        return 0
    try:
        groups = use_cases.form_groups.execute(options.class_name, options.groups, options.seed)
    except GroupsError as error:
        print(error, file=sys.stderr)
        return 1
    for number, group in enumerate(groups, start=1):
        print(f"Group {number}: {', '.join(group)}")
    print(f"To form the same groups again, add --seed {options.seed}", file=sys.stderr)
    return 0
