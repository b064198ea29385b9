"""Edwards25519 in plain integers, slow and by the book (RFC 8032 section 5.1), to make signatures nobody should make.

It shares no code with the library under test, so it also serves as the second opinion on which points are small.
"""

import hashlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P

Point = tuple[int, int]
ZERO: Point = (0, 1)


def add(a: Point, b: Point) -> Point:
    (x1, y1), (x2, y2) = a, b
    k = D * x1 * x2 * y1 * y2 % P
    x3 = (x1 * y2 + x2 * y1) * pow(1 + k, P - 2, P) % P
    y3 = (y1 * y2 + x1 * x2) * pow(1 - k, P - 2, P) % P
    return x3, y3


def times(n: int, point: Point) -> Point:
    result = ZERO
    while n:
        if n & 1:
            result = add(result, point)
        point = add(point, point)
        n >>= 1
    return result


def negative(point: Point) -> Point:
    return -point[0] % P, point[1]


def x_of(y: int, sign: int) -> int | None:
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P:
        return None
    if x == 0 and sign:
        return None
    return x if x % 2 == sign else -x % P


def encode(point: Point) -> bytes:
    return (point[1] | (point[0] % 2) << 255).to_bytes(32, "little")


def encodings(point: Point) -> list[bytes]:
    """Every encoding that a lax decoder would read as this point: y or y + p, and either sign where x is 0."""
    signs = {point[0] % 2} | ({0, 1} if point[0] == 0 else set())
    ys = [y for y in (point[1], point[1] + P) if y < 2**255]
    return [(y | sign << 255).to_bytes(32, "little") for y in ys for sign in sorted(signs)]


def base_point() -> Point:
    y = 4 * pow(5, P - 2, P) % P
    x = x_of(y, 0)
    assert x is not None
    return x, y


B = base_point()


def torsion() -> list[Point]:
    """The eight points of small order: L times a point that has all of the torsion in it, and its multiples."""
    for y in range(2, 100):
        x = x_of(y, 0)
        if x is None:
            continue
        small = times(L, (x, y))
        if times(4, small) != ZERO:
            return [times(n, small) for n in range(8)]
    raise AssertionError("no point of order 8 found")


def challenge(r: bytes, public: bytes, message: bytes) -> int:
    return int.from_bytes(hashlib.sha512(r + public + message).digest(), "little") % L


def decode(encoded: bytes) -> Point:
    """The point, also from encodings that only a lax decoder takes."""
    value = int.from_bytes(encoded, "little")
    y, sign = value % 2**255 % P, value >> 255
    x = x_of(y, sign)
    if x is None:  # x is 0 and the sign bit is set
        x = x_of(y, 0)
    assert x is not None
    return x, y


def equation_holds(public: bytes, message: bytes, signature: bytes) -> bool:
    """The bare equation SB = R + hA on decoded points: all that a lax verifier looks at."""
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    h = challenge(r, public, message)
    return times(s, B) == add(decode(r), times(h, decode(public)))
