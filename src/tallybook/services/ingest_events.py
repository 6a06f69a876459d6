"""Take events: read a body, append what is in order, tell what became of each."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass

from tallybook.domain.events.event import Answer, Verdict
from tallybook.domain.events.forms import Form, form_of
from tallybook.domain.events.reading import Reading, read_events
from tallybook.domain.kernel.errors import Conflicting, Invalid
from tallybook.services.ports import Appended, NotTaken, Wiring

_AS_CLOUDEVENTS_CALL_IT = {"customer": "subject", "properties": "data"}


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of every event of a request.

    `position` is an as-of that includes all of them. `exceptions` are the answers on those not
    accepted, in the order sent; every other one was.
    """

    counts: dict[Verdict, int]
    position: int
    exceptions: list[Answer]

    @property
    def is_complete(self) -> bool:
        """Whether every event sent is in the log."""
        return not (self.counts[Verdict.REJECTED] or self.counts[Verdict.CONFLICT])


@dataclass(frozen=True, slots=True)
class Ingestion:
    """Events on their way into the log: `pending` is done when they are in it."""

    form: Form
    reading: Reading
    pending: Future[Appended]

    def receipt(self) -> Receipt:
        """What became of the events, waiting for it if need be."""
        appended = self.pending.result()
        exceptions = [*self.reading.rejected, *self._not_taken(appended)]
        exceptions.sort(key=lambda answer: answer.index)
        counts = dict.fromkeys(Verdict, 0)
        for answer in exceptions:
            counts[answer.verdict] += 1
        sent = len(self.reading.events) + len(self.reading.rejected)
        counts[Verdict.ACCEPTED] = sent - len(exceptions)
        return Receipt(counts, appended.position, exceptions)

    def every_answer(self, receipt: Receipt) -> list[Answer]:
        """An answer on each event in the order sent, the accepted ones too."""
        answers = {
            index: Answer(index, event.id, Verdict.ACCEPTED)
            for index, event in zip(self.reading.indexes, self.reading.events, strict=True)
        }
        answers |= {answer.index: answer for answer in receipt.exceptions}
        return [answers[index] for index in sorted(answers)]

    def check_single(self, receipt: Receipt) -> None:
        """Refuse the request if it was one event that was not taken and is no duplicate."""
        if not self.reading.is_single or not receipt.exceptions:
            return
        answer = receipt.exceptions[0]
        if answer.verdict is Verdict.DUPLICATE:
            return
        is_conflict = answer.verdict is Verdict.CONFLICT
        kind = Conflicting if is_conflict else Invalid
        code = "event_conflict" if is_conflict else "event_rejected"
        raise kind(code, answer.reason, field=answer.field, mend=answer.mend)

    def _not_taken(self, appended: Appended) -> Iterator[Answer]:
        for number, not_taken in appended.exceptions.items():
            index, event = self.reading.indexes[number], self.reading.events[number]
            if not_taken.verdict is Verdict.DUPLICATE:
                yield Answer(index, event.id, Verdict.DUPLICATE)
            else:
                yield self._conflict(index, event.id, not_taken)

    def _conflict(self, index: int, event_id: str, not_taken: NotTaken) -> Answer:
        name, slash, rest = not_taken.field.partition("/")
        if self.form.is_cloudevents:
            name = _AS_CLOUDEVENTS_CALL_IT.get(name, name)
        return Answer(
            index,
            event_id,
            Verdict.CONFLICT,
            field=f"{name}{slash}{rest}",
            reason=f"An event of this source and id is kept with another {rest or name}.",
            mend="Give another event another id. The one that is kept stays as it is.",
        )


def begin_ingest(wiring: Wiring, organization_id: str, body: bytes, content_type: str) -> Ingestion:
    """Read `body` and let its events wait for the next block. Does not wait itself.

    Refused as a whole: an unknown content type, a body that is too large or no JSON, and, as
    `Unavailable`, more than can be written.
    """
    form = form_of(content_type)
    reading = read_events(body, form)
    if reading.events:
        pending = wiring.event_log.append(
            organization_id, reading.events, reading.texts, received_at=wiring.now()
        )
    else:
        pending = Future()
        pending.set_result(Appended(wiring.event_log.position(), {}))
    return Ingestion(form, reading, pending)


def ingest_events(
    wiring: Wiring, organization_id: str, body: bytes, content_type: str = Form.NDJSON
) -> Receipt:
    """Take the events of `body` and wait until they are in the log."""
    return begin_ingest(wiring, organization_id, body, content_type).receipt()
