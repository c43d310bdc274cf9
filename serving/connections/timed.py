"""Whose turn it is on a connection, for how long, and how it ends."""

import asyncio
from enum import Enum, auto
from functools import partial
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from regrade.serving.base.errors import UploadError
from regrade.serving.base.i18n import Message
from regrade.serving.base.problems import Problem
from regrade.serving.connections.exchange import Exchange
from regrade.serving.connections.outlet import Discarding, Outlet, whole_answer
from regrade.serving.connections.pace import Pace
from regrade.serving.connections.table import Connections, Phase, origin_of

_REST_SECONDS: Final = 60.0
_REST_WINDOW: Final = 5.0
"""For what is still sent of a body that was answered already."""
_ANONYMOUS_ANSWER_SECONDS: Final = 60.0
_ENDING_SECONDS: Final = 1.0


class Turn(Enum):
    """Whose turn it is, and what for."""

    OURS = auto()
    HEAD = auto()
    IDLE = auto()
    BODY = auto()
    REST = auto()
    """What is still to come of a body that was answered already."""
    ANSWER = auto()
    """The client must take some of its answer before it can be given more."""
    CLOSING = auto()


class TimedProtocol(HttpToolsProtocol):
    """One connection. Call `settle` after whatever may have changed whose turn it is.

    Where it is the client's, a clock runs, and the connection stands in a line of the table, which may close it to make
    room for others.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        connections: Connections,
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.connections_table, self.limits = connections, connections.limits
        self.origin = ""
        self.known = False
        """Whether a valid key was shown on this connection."""
        self.moved_bytes = 0
        """Of all bodies, so far."""
        self.exchange: Exchange | None = None
        """The request that was begun last."""
        self.in_head, self.head_bytes = True, 0
        self.deaf = False
        """Whether what comes is thrown away: nobody can tell what it means."""
        self._turn: Turn | None = None
        self._phase: Phase | None = None
        self._clock: Pace | None = None
        self._settled = 0
        """How often a turn was begun."""
        self._gone = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.wire, self.transport = transport, Outlet(transport, self._close)
        self.origin = origin_of(self.client[0] if self.client else None)
        self.connections_table.open += 1
        self.settle()
        if self.connections_table.ending:
            self.drop("ending")

    def connection_lost(self, exc: Exception | None) -> None:
        self.connections_table.open -= 1
        self._leave()
        super().connection_lost(exc)
        # What refers to each other in a circle waits for the garbage collector, which holds up everybody meanwhile.
        self.exchange = None
        if isinstance(self.transport, Outlet):
            self.transport.forget()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.settle()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.settle()

    def shutdown(self) -> None:
        """The server ends: nobody is waited for who has shown no key, nor who asks nothing."""
        if self._turn in (Turn.HEAD, Turn.IDLE):
            self.transport.close()
        elif self._phase is Phase.NEW and self._turn in (Turn.BODY, Turn.REST):
            self.drop("ending")
        elif self.cycle is not None:
            self.cycle.keep_alive = False
            self.settle(anew=True)  # in the time that there is left

    def drop(self, reason: str) -> None:
        """Close the connection at once, for a `reason` that is counted."""
        if not self._gone:
            self.connections_table.closed[reason] += 1
        self._leave()
        self.wire.abort()

    def settle(self, *, anew: bool = False) -> None:
        """See whose turn it is, and start the clock where it is the client's; `anew` also where nothing has changed."""
        turn = self._whose_turn()
        if self._gone or (turn is self._turn and not anew):
            return
        self._stop_clock()
        before, self._phase = self._phase, self._phase_of(turn)
        self._turn, self._settled = turn, self._settled + 1
        if turn is not Turn.OURS:
            self._clock = self._clock_of(turn)
        self.connections_table.move(self, before, self._phase)

    def is_answered(self) -> bool:
        """Whether nothing is under way."""
        return self.cycle is None or self.cycle.response_complete

    def answer(self, problem: Problem) -> None:
        """Answer what never became a request, and close."""
        if self.transport.is_closing():
            return
        self.deaf = True
        self.transport.write(whole_answer(problem))
        self.transport.close()

    def _whose_turn(self) -> Turn:
        if self.transport.is_closing():
            return Turn.CLOSING
        if self.flow.write_paused:
            return Turn.ANSWER
        if self.is_answered():
            if self.in_head:
                return Turn.HEAD
            return Turn.REST if self.cycle.more_body else Turn.IDLE
        wanted = self.exchange is not None and self.exchange.wanted
        return Turn.BODY if wanted and self.cycle.more_body else Turn.OURS

    def _phase_of(self, turn: Turn) -> Phase:
        if turn is Turn.OURS:
            return Phase.BUSY
        if turn is Turn.IDLE or (turn is Turn.HEAD and self.cycle is not None):
            return Phase.KNOWN if self.known else Phase.IDLE
        return Phase.TRANSFER if self._is_trusted() else Phase.NEW

    def _is_trusted(self) -> bool:
        return self.exchange is not None and self.exchange.trusted

    def _clock_of(self, turn: Turn) -> Pace:
        total, window = self._time_of(turn)
        # At the end of the service, only bodies and answers of those with a key have the time that they always have.
        if self.connections_table.ending and not (turn in (Turn.BODY, Turn.ANSWER) and self._is_trusted()):
            total = min(total, _ENDING_SECONDS)
        # Late ones take turns: a thousand may be late at once.
        late = partial(self.connections_table.turns.add, partial(self._late, turn, self._settled))
        least = self.limits.least_speed * window
        return Pace(self.loop, late, total, self._moved if window else None, least, window)

    def _time_of(self, turn: Turn) -> tuple[float, float]:
        """Seconds in all, and those over which the speed is judged; 0 where it is not."""
        limits, trusted = self.limits, self._is_trusted()
        match turn:
            case Turn.HEAD:
                return limits.head_timeout, 0.0
            case Turn.IDLE:
                return limits.keep_alive, 0.0
            case Turn.BODY if not trusted:
                return limits.anonymous_body_timeout, 0.0
            case Turn.BODY:
                return limits.body_timeout, limits.speed_window
            case Turn.REST:
                return _REST_SECONDS, min(_REST_WINDOW, limits.speed_window)
        total = limits.answer_timeout if trusted else min(_ANONYMOUS_ANSWER_SECONDS, limits.answer_timeout)
        return total, limits.speed_window

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.stop()
            self._clock = None

    def _moved(self) -> int:
        """Bytes that have come of bodies, and that the client has taken of answers."""
        assert isinstance(self.transport, Outlet)
        return self.moved_bytes + self.transport.written - self.wire.get_write_buffer_size()

    def _note_moved(self, size: int) -> None:
        self.moved_bytes += size

    def _late(self, turn: Turn, settled: int) -> None:
        """The client has not done its part in time."""
        if settled != self._settled or self._gone:
            return  # it has, a moment ago
        match turn:
            case Turn.BODY:
                self.connections_table.closed["body"] += 1
                self._fail_body(self._too_slow())
            case Turn.HEAD if self.head_bytes:
                self.connections_table.closed["head"] += 1
                words = f"The head of the request was not complete after {self.limits.head_timeout:g} s. Send it whole."
                self.answer(Problem("request-too-slow", words))
            case Turn.HEAD | Turn.IDLE:
                self.connections_table.closed["idle"] += 1
                self.transport.close()
            case _:
                self.drop(turn.name.lower())

    def _fail_body(self, error: UploadError) -> None:
        assert self.exchange is not None
        self.exchange.fail(error)
        self.settle()

    def _too_slow(self) -> UploadError:
        limits = self.limits
        if not self._is_trusted():
            params = {"seconds": f"{limits.anonymous_body_timeout:g}"}
            return UploadError("request-too-slow", Message("problem.request_too_slow", params))
        params = {
            "seconds": f"{limits.body_timeout:g}",
            "speed": f"{limits.least_speed / 1024:g}",
            "window": f"{limits.speed_window:g}",
        }
        return UploadError("upload-too-slow", Message("problem.upload_too_slow", params))

    def _close(self) -> None:
        """End politely: what was written leaves, and who is still sending is heard out while the clock allows it."""
        if not self.wire.is_closing():
            if self.deaf or (self.cycle is not None and self.cycle.more_body):
                self._hear_out()
            else:
                self.wire.close()
        self.settle()

    def _hear_out(self) -> None:
        try:
            self.wire.write_eof()
        except OSError:  # gone already
            self.wire.abort()
            return
        self.flow.pause_reading()
        self.wire.set_protocol(Discarding(self.wire, self, self._note_moved))
        self.flow.resume_reading()

    def _leave(self) -> None:
        """Out of the table, for good."""
        self._stop_clock()
        if not self._gone:
            self._gone = True
            self.connections_table.move(self, self._phase, None)
