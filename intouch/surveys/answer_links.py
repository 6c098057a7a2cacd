"""Answer links: where the link of an answer leads; a signed token says who may answer which survey, and their choice stands behind it."""

from __future__ import annotations

PURPOSE = "answer"


def path(token: str, question_id: int = 0, choice: int = 0) -> str:
    """The path that opens the survey of ``token`` (survey, resident): where it was left, at a question, or at an answer to it.

    The choice is not signed. Whoever holds the link may choose any of the answers, so one token serves them all, and a digest needs
    one signature for each reader and survey instead of one for each answer.
    """
    return "/".join(["/answer", token, *(str(number) for number in (question_id, choice) if number)])
