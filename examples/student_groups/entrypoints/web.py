"""The HTTP entrypoint: one page with a form, and the groups as HTML tables. All texts are escaped."""

from html import escape
from random import randrange

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from examples.student_groups.bootstrap import UseCases
from examples.student_groups.domain.entities import Names
from examples.student_groups.domain.exceptions import ClassNotFound, GroupsError

PAGE = """<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><title>Student groups</title>
<h1>Student groups</h1>
<form><label>Class <select name="class_name">{options}</select></label>
<label>Groups <input name="count" type="number" min="1" value="{count}" required></label>
<label>Seed <input name="seed" type="number" value="{seed}" required></label> <button>Form groups</button></form>
{result}</html>
"""


def table(number: int, group: Names) -> str:
    rows = "".join(f"<tr><td>{escape(name)}</td></tr>" for name in group)
    return f"<table><caption>Group {number}</caption>{rows}</table>"


def create_app(use_cases: UseCases) -> FastAPI:
    app = FastAPI(title="Student groups")

    @app.get("/")
    def page(class_name: str | None = None, count: int = 2, seed: int | None = None) -> HTMLResponse:
        seed = randrange(1_000_000) if seed is None else seed  # noqa: S311 - not a secret
        result, status = "", 200
        try:
            if class_name is not None:
                groups = use_cases.form_groups.execute(class_name, count, seed)
                result = "\n".join(table(number, group) for number, group in enumerate(groups, start=1))
        except GroupsError as error:
            result = f'<p role="alert">{escape(str(error))}</p>'
            status = 404 if isinstance(error, ClassNotFound) else 422
        names = use_cases.list_classes.execute()
        options = "".join(f"<option{' selected' * (name == class_name)}>{escape(name)}</option>" for name in names)
        return HTMLResponse(PAGE.format(options=options, count=count, seed=seed, result=result), status)

    return app
