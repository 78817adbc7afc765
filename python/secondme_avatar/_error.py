"""What all failures have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from ._plain import plain

if TYPE_CHECKING:
    from ._values import Step, UnsentMessage


class AvatarError(Exception):
    """A failure. Neither its text nor its repr holds a key, a token or a spoken word."""

    kind: ClassVar[str] = "unknown"
    """The kind of failure, one for each class."""

    message: str
    """What happened and what to do about it, for people."""
    code: str | None
    """The service's own code, such as ``open.api.key.not.found``."""
    step: Step | None
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
        step: Step | None = None,
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


def from_core(
    classes: Mapping[str, type[AvatarError]],
    kind: str,
    message: str,
    code: str | None,
    step: Step | None,
    status: int | None,
    retryable: bool,
    retry_after: float | None,
    unsent: UnsentMessage | None,
    cause: BaseException | None,
) -> AvatarError:
    """Makes the exception of the core's error, of the class of its kind."""
    error = classes.get(kind, AvatarError)(
        message,
        code=code,
        step=step,
        status=status,
        retryable=retryable,
        retry_after=retry_after,
        unsent=unsent,
    )
    error.__cause__ = cause
    return error
