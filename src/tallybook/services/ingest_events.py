"""Take events: read a body, append what is in order, tell what became of each."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass

from tallybook.domain.events.event import Answer, Verdict
from tallybook.domain.events.forms import Form, form_of
from tallybook.domain.events.reading import Reading, read_events
from tallybook.domain.kernel.errors import Conflicting, Invalid
from tallybook.services.govern_events import append_governed, count_exceptions
from tallybook.services.ports import Appended, Wiring

_LEFT_OUT = (Verdict.REJECTED, Verdict.CONFLICT, Verdict.QUARANTINED)
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
        return not any(self.counts[verdict] for verdict in _LEFT_OUT)


@dataclass(frozen=True, slots=True)
class Ingestion:
    """Events on their way into the log: `pending` is done when they are in it."""

    wiring: Wiring
    organization_id: str
    form: Form
    reading: Reading
    pending: Future[Appended]

    def receipt(self) -> Receipt:
        """What became of the events, waiting for it if need be. Asked for once a request."""
        appended = self.pending.result()
        reading = self.reading
        if appended.exceptions or reading.rejected:
            count_exceptions(
                self.wiring,
                self.organization_id,
                reading.events,
                appended.exceptions,
                len(reading.rejected),
            )
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
        """Refuse the request if it was one event that was neither taken, nor kept, nor there."""
        if not self.reading.is_single or not receipt.exceptions:
            return
        answer = receipt.exceptions[0]
        if answer.verdict in {Verdict.DUPLICATE, Verdict.QUARANTINED}:
            return
        is_conflict = answer.verdict is Verdict.CONFLICT
        kind = Conflicting if is_conflict else Invalid
        code = answer.code or ("event_conflict" if is_conflict else "event_rejected")
        raise kind(code, answer.reason, field=answer.field, mend=answer.mend)

    def _not_taken(self, appended: Appended) -> Iterator[Answer]:
        for number, not_taken in appended.exceptions.items():
            index, event = self.reading.indexes[number], self.reading.events[number]
            field = self._named(not_taken.field)
            match not_taken.verdict:
                case Verdict.DUPLICATE:
                    yield Answer(index, event.id, Verdict.DUPLICATE)
                case Verdict.CONFLICT:
                    yield _conflict(index, event.id, field)
                case verdict:
                    why, mend, code = not_taken.reason, not_taken.mend, not_taken.code
                    yield Answer(index, event.id, verdict, field, why, mend, code)

    def _named(self, field: str) -> str:
        """The field as the sender calls it."""
        if not self.form.is_cloudevents:
            return field
        name, slash, rest = field.partition("/")
        return f"{_AS_CLOUDEVENTS_CALL_IT.get(name, name)}{slash}{rest}"


def _conflict(index: int, event_id: str, field: str) -> Answer:
    name, _, rest = field.partition("/")
    return Answer(
        index,
        event_id,
        Verdict.CONFLICT,
        field=field,
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
        pending = append_governed(wiring, organization_id, reading.events, reading.texts)
    else:
        pending = Future()
        pending.set_result(Appended(wiring.event_log.acknowledged(), {}))
    return Ingestion(wiring, organization_id, form, reading, pending)


def ingest_events(
    wiring: Wiring, organization_id: str, body: bytes, content_type: str = Form.NDJSON
) -> Receipt:
    """Take the events of `body` and wait until they are in the log."""
    return begin_ingest(wiring, organization_id, body, content_type).receipt()
