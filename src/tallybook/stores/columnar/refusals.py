"""What is answered when events could not be committed. The server's log has the whole of it."""

from __future__ import annotations

from tallybook.domain.kernel.errors import Refusal, Unavailable

_SIGNS_OF_A_FULL_DISK = ("No space left", "NOT_ENOUGH_SPACE", "File too large", "quota exceeded")


def events_missing(number: int) -> Unavailable:
    """What is answered when the table has fewer events than were acknowledged."""
    return Unavailable(
        "events_missing",
        f"The event store has lost {number:,} events that were acknowledged.",
        mend="Put its data back from a copy, then start the server again.",
        retry_after_seconds=60,
    )


def refusal_for(error: BaseException) -> Refusal:
    """The refusal for an error on the way to the event store."""
    texts = " ".join(str(each) for each in (error, error.__cause__))
    if any(sign in texts for sign in _SIGNS_OF_A_FULL_DISK):
        return Unavailable(
            "event_store_full",
            "The event store has no room left on its disk.",
            mend="Free some space where its data is, then send the events again.",
            retry_after_seconds=10,
        )
    if isinstance(error, Refusal):
        return error
    return Unavailable(
        "event_store_unavailable",
        "The event store did not take the events.",
        mend="Send them again: what did get in counts once. If it stays so, see the server's log.",
    )
