"""XML as gateways send it: bytes to a small tree, without anything in XML that can hurt.

Decides what is refused: a document type (and with it every entity of its own), more than XML_MAX_BYTES, more than
XML_ELEMENTS_MAX elements or XML_DEPTH_MAX levels. The declared encoding is ignored: UTF-8, or Latin-1 where the bytes
are none, so that no codec is looked up by a stranger's word. Prefixes are dropped and attributes not kept: UPnP's
documents are told apart by the names of elements, and devices get namespaces wrong.
"""

from dataclasses import dataclass, field
from xml.parsers import expat

from warren.errors import Code, WarrenError
from warren.limits import XML_DEPTH_MAX, XML_ELEMENTS_MAX, XML_MAX_BYTES


@dataclass(slots=True)
class Element:
    """An element: its name without prefix, its own text, stripped, and its children in order."""

    name: str
    text: str = ""
    children: list["Element"] = field(default_factory=list)

    def child(self, name: str) -> "Element | None":
        """The first child of that name."""
        return next((one for one in self.children if one.name == name), None)

    def child_text(self, name: str) -> str:
        """The text of the first child of that name; empty where there is none."""
        found = self.child(name)
        return found.text if found is not None else ""

    def descendants(self, name: str) -> list["Element"]:
        """Every element of that name below this one, in the order of the document."""
        found, waiting = [], list(reversed(self.children))
        while waiting:
            one = waiting.pop()
            if one.name == name:
                found.append(one)
            waiting.extend(reversed(one.children))
        return found


class _Builder:
    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self._texts: list[list[str]] = []
        self._count = 0

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > XML_ELEMENTS_MAX or len(self._open) >= XML_DEPTH_MAX:
            raise WarrenError(Code.TOO_LARGE, "a document with too many elements or levels")
        element = Element(name.rpartition(":")[2])
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)
        self._texts.append([])

    def end(self, _name: str) -> None:
        self._open.pop().text = "".join(self._texts.pop()).strip()

    def text(self, data: str) -> None:
        if self._texts:
            self._texts[-1].append(data)


def parse_xml(data: bytes) -> Element:
    """Return the root; WarrenError MALFORMED, TOO_LARGE, or UNSUPPORTED (a document type)."""
    if len(data) > XML_MAX_BYTES:
        raise WarrenError(Code.TOO_LARGE, "a document longer than it may be")
    try:
        data.decode()
        encoding = "utf-8"
    except UnicodeDecodeError:
        encoding = "iso-8859-1"
    parser = expat.ParserCreate(encoding)
    builder = _Builder()
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.EntityDeclHandler = _refuse_doctype
    try:
        parser.Parse(data, True)  # noqa: FBT003 - expat's own signature
    except expat.ExpatError as error:
        raise WarrenError(Code.MALFORMED, "a document that is no XML") from error
    if builder.root is None:
        raise WarrenError(Code.MALFORMED, "a document without a root")
    return builder.root


def _refuse_doctype(*_: object) -> None:
    raise WarrenError(Code.UNSUPPORTED, "a document with a document type or entities of its own")
