"""What a request can be refused for. Each refusal names the field and the mend."""

from __future__ import annotations


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not a fault
    """A request that cannot be carried out, in words its sender can act on.

    `code` is stable and for programs, `message` for people, `field` a path into the request
    (`prices/0/tiers/2/up_to`, or "" for the whole of it), `mend` says what to send instead.
    """

    status = 400

    def __init__(self, code: str, message: str, *, field: str = "", mend: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
        self.mend = mend

    def at(self, prefix: str) -> Refusal:
        """The same refusal, seen from further out: `prefix` is put before its field."""
        field = f"{prefix}/{self.field}" if self.field else prefix
        return type(self)(self.code, self.message, field=field, mend=self.mend)


class Invalid(Refusal):
    """A value that breaks a rule."""

    status = 422


class Missing(Refusal):
    """Something named that this organization does not have."""

    status = 404


class Gone(Refusal):
    """Something that was there, and was taken back."""

    status = 410


class Conflicting(Refusal):
    """The request contradicts what is already so; repeating it unchanged will not help."""

    status = 409


class Unauthenticated(Refusal):
    """No key, or a key nobody was given."""

    status = 401


class Forbidden(Refusal):
    """A valid key without the scope that this takes."""

    status = 403


class TooLarge(Refusal):
    """More than one request may carry."""

    status = 413


class UnsupportedForm(Refusal):
    """A body in a form that is not read here."""

    status = 415


class Unavailable(Refusal):
    """An engine does not answer, or has no room; nothing was done. Try again after a while."""

    status = 503

    def __init__(
        self,
        code: str,
        message: str,
        *,
        field: str = "",
        mend: str = "",
        retry_after_seconds: int = 1,
    ) -> None:
        super().__init__(code, message, field=field, mend=mend)
        self.retry_after_seconds = retry_after_seconds
