"""Forms: reading what a person posted, without surprises for the database."""

from __future__ import annotations

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request

MOST_BYTES = 128 * 1024
_MOST_FIELDS = 100


class Form:
    """The text fields of one posted form; a field that was not sent is empty."""

    def __init__(self, data: FormData) -> None:
        self._data = data

    def text(self, name: str) -> str:
        """The field as a person typed it, without spaces around it."""
        return _clean(self._data.get(name))

    def texts(self, name: str) -> list[str]:
        """All values of a field that may be sent several times, such as checkboxes."""
        return [_clean(value) for value in self._data.getlist(name)]

    def has(self, name: str) -> bool:
        return bool(self.text(name))


async def read(request: Request) -> Form:
    """The form in the request's body; a file where text belongs is refused."""
    return Form(await request.form(max_files=0, max_fields=_MOST_FIELDS, max_part_size=MOST_BYTES))


async def read_leniently(request: Request) -> Form:
    """The form in the request's body, or an empty one where the body is no form."""
    try:
        return await read(request)
    except HTTPException as error:
        if error.status_code != 400:
            raise
        return Form(FormData())


def _clean(value: object) -> str:
    # PostgreSQL stores neither NUL nor half a surrogate pair; nobody means to write them.
    if not isinstance(value, str):
        return ""
    return value.replace("\0", "").encode("utf-8", "replace").decode().replace("\r\n", "\n").strip()
