"""What can go wrong. The classes' names are the same in every language."""

from __future__ import annotations

from typing import Any, ClassVar

from . import _native
from ._values import UnsentMessage, plain

__all__ = [
    "AuthenticationError",
    "AvatarError",
    "AvatarNotFoundError",
    "CertificateError",
    "ClosedError",
    "ConnectionFailedError",
    "DeadlineError",
    "InvalidAnswerError",
    "InvalidVisitorIdError",
    "MisuseError",
    "NotMemberError",
    "RateLimitedError",
    "RefusedError",
    "StoreError",
    "TakenOverError",
    "UnavailableError",
    "UnsupportedError",
]


class AvatarError(Exception):
    """Something failed. Neither its text nor its repr holds a key, a token, or what anybody said."""

    kind: ClassVar[str] = "unknown"
    """The kind of failure, one for each class; the same name in every language."""

    message: str
    """What happened and what to do about it, for people."""
    code: str | None
    """The service's own code, such as ``open.api.key.not.found``."""
    step: str | None
    """The step of the protocol at which it happened, such as ``authenticate``."""
    status: int | None
    """The HTTP status, where there was an answer."""
    retryable: bool
    """Whether the same call may succeed later without anything else being changed."""
    retry_after: float | None
    """Seconds to wait before the call can succeed, where that is known."""
    unsent: UnsentMessage | None
    """The message that was given up, where the failure is about one."""

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        step: str | None = None,
        status: int | None = None,
        retryable: bool = False,
        retry_after: float | None = None,
        unsent: UnsentMessage | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.step = step
        self.status = status
        self.retryable = retryable
        self.retry_after = retry_after
        self.unsent = unsent

    def to_dict(self) -> dict[str, Any]:
        """All of it, with its cause, as a dictionary that ``json.dumps`` takes. ``unsent`` has what was to be said."""
        cause = self.__cause__
        return {
            "kind": self.kind,
            "message": self.message,
            "code": self.code,
            "step": self.step,
            "status": self.status,
            "retryable": self.retryable,
            "retry_after": self.retry_after,
            "unsent": plain(self.unsent),
            "cause": cause.to_dict() if isinstance(cause, AvatarError) else cause and str(cause),
        }

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickles of exceptions leave the cause out otherwise.
        return type(self), self.args, {**self.__dict__, "__cause__": self.__cause__}


class AuthenticationError(AvatarError):
    """The API key was refused: missing, unknown or disabled. Nothing helps but another key."""

    kind = "authentication"


class RateLimitedError(AvatarError):
    """The quota of the API key is used up; ``retry_after`` says when to come back."""

    kind = "rate_limited"


class AvatarNotFoundError(AvatarError):
    """The key's avatar does not exist (any more)."""

    kind = "avatar_not_found"


class InvalidVisitorIdError(AvatarError, ValueError):
    """The visitor id, or what one was to be made of, is not of the service's form."""

    kind = "invalid_visitor_id"


class NotMemberError(AvatarError):
    """Not a member of the session. The next ``open`` makes a new one."""

    kind = "not_member"


class ClosedError(AvatarError):
    """The conversation or the client is closed, or the service has ended the session."""

    kind = "closed"


class ConnectionFailedError(AvatarError, ConnectionError):
    """The service could not be reached, or the connection broke."""

    kind = "connection_failed"


class CertificateError(AvatarError, ConnectionError):
    """The certificate of the service or of a proxy was refused; trying again does not help, the text says what does."""

    kind = "certificate"


class UnavailableError(AvatarError):
    """The service answered, but is not able to work."""

    kind = "unavailable"


class DeadlineError(AvatarError, TimeoutError):
    """The call's deadline passed first. ``__cause__`` says what was in the way."""

    kind = "deadline"


class RefusedError(AvatarError):
    """The service refused with a code that stands for nothing else; see ``code``."""

    kind = "refused"


class InvalidAnswerError(AvatarError):
    """The answer was not of the service's form: a proxy's page, perhaps, or a wrong base URL."""

    kind = "invalid_answer"


class UnsupportedError(AvatarError):
    """The service does not offer this."""

    kind = "unsupported"


class StoreError(AvatarError):
    """The store could not be read or written: the disk is full, or the file is not a store's."""

    kind = "store"


class TakenOverError(AvatarError):
    """The avatar's owner has the conversation, and did not answer in time. The message was delivered: do not ask again,
    what the owner says later comes as an ``OwnerReply``."""

    kind = "taken_over"


class MisuseError(AvatarError):
    """The call was wrong, and nothing was sent. The text says what to do."""

    kind = "misuse"


_CLASSES = {error.kind: error for error in AvatarError.__subclasses__()}


def from_core(
    kind: str,
    message: str,
    code: str | None,
    step: str | None,
    status: int | None,
    retryable: bool,
    retry_after: float | None,
    unsent: tuple[str, bool, str] | None,
    cause: BaseException | None,
) -> AvatarError:
    """What the core says failed, as an exception of the class of its kind."""
    error = _CLASSES.get(kind, AvatarError)(
        message,
        code=code,
        step=step,
        status=status,
        retryable=retryable,
        retry_after=retry_after,
        unsent=UnsentMessage(*unsent) if unsent else None,
    )
    error.__cause__ = cause
    return error


_native.register(error=from_core)
