"""Drafts: what an officer types into the chat becomes a question and answers that can be seen and told apart."""

import pytest

from intouch.errors import BadInput
from intouch.runtime import Runtime
from intouch.surveys import drafts
from intouch.surveys.models import Survey


@pytest.mark.parametrize("text", ["Yes\nNo", "Yes; No", "Yes\n\u200b\n \u3164 \nNo\u202e"])
def test_answers_stand_on_lines_or_between_semicolons_and_what_nobody_sees_is_left_out(text: str) -> None:
    assert drafts.read_options(text) == ("Yes", "No")


@pytest.mark.parametrize(("text", "sentence"), [("Yes\n\u200b", "at least two answers"), ("Yes\nYes\u200b", "stands there twice")])
def test_answers_that_nobody_can_tell_apart_are_refused(text: str, sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        drafts.read_options(text)


async def test_a_question_that_nobody_can_see_is_refused(runtime: Runtime) -> None:
    async with runtime.sessions.write() as session:
        with pytest.raises(BadInput, match="The question is empty"):
            await drafts.set_question(session, Survey(id=1), "\u200b \u2060")
