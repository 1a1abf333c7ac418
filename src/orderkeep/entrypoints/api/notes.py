"""Routes of notes."""

from typing import Annotated

from fastapi import APIRouter, Body, Path
from pydantic import Field
from starlette.responses import Response

from orderkeep.domain.exceptions import NoteNotFound
from orderkeep.domain.lifecycle import TooManyRecords
from orderkeep.domain.value_objects import INTERNAL, VISIBILITIES
from orderkeep.entrypoints import schemas
from orderkeep.entrypoints.api import examples
from orderkeep.entrypoints.api.dependencies import Context, OrderId, Services
from orderkeep.entrypoints.api.examples import failures
from orderkeep.entrypoints.api.models import Order
from orderkeep.entrypoints.api.responses import command_response
from orderkeep.entrypoints.api.routing import CompiledRoute
from orderkeep.entrypoints.command_schemas import Text, one_of

router = APIRouter(prefix="/orders/{order_id}/notes", tags=["notes"], route_class=CompiledRoute)


class NoteBody(schemas.Body):
    """Note to add."""

    text: Text = Field(description="Text.")
    visibility: one_of(*VISIBILITIES) | None = Field(  # type: ignore[valid-type]
        INTERNAL, description="`internal`, for staff only, or `customer`. Default: `internal`."
    )


class EditNoteBody(schemas.Body):
    """New text of a note."""

    text: Text = Field(description="Text.")


NOTE = {"text": "The customer called: deliver after 17:00.", "visibility": "internal"}
EDIT = {"text": "The customer called: deliver after 18:00."}

NoteId = Annotated[str, Path(description="ID of the note.", examples=["n1"])]


@router.post(
    "",
    response_model=Order,
    summary="Add a note",
    responses={
        **examples.changed(lambda order: order.add_note(**NOTE, at=examples.AT)),
        **failures((TooManyRecords("processing", "notes", 50), *examples.COMMAND_ERRORS)),
    },
)
async def add_note(
    order_id: OrderId,
    context: Context,
    use_cases: Services,
    note: Annotated[NoteBody, Body(openapi_examples={"NoteBody": {"value": NOTE}})],
) -> Response:
    """Adds a note. An `internal` note is returned to staff only, in the order as in its history."""
    result = await use_cases.add_note.execute(order_id, note.text, context, visibility=note.visibility or INTERNAL)
    return command_response(result)


@router.patch(
    "/{note_id}",
    response_model=Order,
    summary="Edit a note",
    responses={
        **examples.changed(
            lambda order: order.add_note(**NOTE, at=examples.AT),
            lambda order: order.edit_note("n1", EDIT["text"], at=examples.AT),
        ),
        **failures((NoteNotFound(""), *examples.COMMAND_ERRORS)),
    },
)
async def edit_note(
    order_id: OrderId,
    note_id: NoteId,
    context: Context,
    use_cases: Services,
    edit: Annotated[EditNoteBody, Body(openapi_examples={"EditNoteBody": {"value": EDIT}})],
) -> Response:
    """Changes the text of a note. The history of the order contains the earlier text."""
    return command_response(await use_cases.edit_note.execute(order_id, note_id, edit.text, context))
