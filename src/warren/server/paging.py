"""A page of a list over REST: what is asked for, and the answer with its `Link` (`warren.protocol.rest.paging`).

Decides where a page ends: one row more than the limit is read, and if it is there another page follows. Must not know
what is listed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, TypeVar
from urllib.parse import urlencode

from litestar import Request, Response
from litestar.datastructures import ResponseHeader
from litestar.params import QueryParameter

from warren.limits import PAGE_MAX
from warren.protocol.rest.paging import CURSOR_MAX_CHARS, Page, PlaceT, parse_cursor, show_cursor

Cursor = Annotated[
    str | None, QueryParameter(max_length=CURSOR_MAX_CHARS, description="`next` of the page before; none: the first")
]
Limit = Annotated[int, QueryParameter(ge=1, le=PAGE_MAX, description="how many entries at most")]
LINK: Final = ResponseHeader(
    name="link", documentation_only=True, description='the address of the next page, rel="next", where there is one'
)

RowT = TypeVar("RowT")
PageT = TypeVar("PageT", bound=Page)


@dataclass(frozen=True, slots=True)
class Wanted(Generic[PlaceT]):
    """Which page: behind which place, of how many entries. `rows`: how many to read."""

    after: PlaceT | None
    limit: int

    @property
    def rows(self) -> int:
        """The page, and the first row of the next one."""
        return self.limit + 1


def wanted(cursor: str | None, limit: int, kind: type[PlaceT]) -> Wanted[PlaceT]:
    """What the two parameters ask for. Raises WarrenError INVALID_ARGUMENT."""
    return Wanted(None if cursor is None else parse_cursor(cursor, kind), limit)


def answer(
    request: Request[Any, Any, Any],
    page: Wanted[PlaceT],
    rows: Sequence[RowT],
    place: Callable[[RowT], PlaceT],
    shown: Callable[[Sequence[RowT], str | None], PageT],
) -> Response[PageT]:
    """The page that was wanted. `shown` makes it of its rows and the cursor of the next one."""
    kept = rows[: page.limit]
    following = show_cursor(place(kept[-1])) if len(rows) > page.limit else None
    return Response(shown(kept, following), headers=_link(request, following))


def _link(request: Request[Any, Any, Any], following: str | None) -> dict[str, str]:
    """Without scheme and host: RFC 8288 resolves it against where the list was found."""
    if following is None:
        return {}
    asked = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    return {"link": f'<{request.url.path}?{urlencode([*asked, ("cursor", following)])}>; rel="next"'}
