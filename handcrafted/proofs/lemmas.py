"""The lemmas of the networks with one object."""

from __future__ import annotations

from collections.abc import Callable

from handcrafted import coord2image, coord2onehot, image2coord, onehot2coord
from handcrafted.operations import Operation
from handcrafted.proofs.symbolic import Canvas, Field, Formula, Impulse

__all__ = [
    "Change",
    "coord2image_lemmas",
    "coord2onehot_lemmas",
    "image2coord_lemmas",
    "inner_product_lemmas",
    "onehot2coord_lemmas",
    "unchanged",
    "without_coordinates_lemmas",
]

Change = Callable[[tuple[Operation, ...]], tuple[Operation, ...]]


def unchanged(operations: tuple[Operation, ...]) -> tuple[Operation, ...]:
    """Return the operations as they are."""
    return operations


def onehot2coord_lemmas(change: Change = unchanged) -> int:
    """Prove every step of the critique's network; return how many lemmas that took."""
    c = Canvas()
    coordinates, convolution, relu, total, subtraction = change(onehot2coord.steps(c.H, c.W))

    hot = Impulse(c.y, c.x, 1)
    maps = c.apply(coordinates, [hot])
    c.prove("X is the pixel's column", c.at_pixel(maps[1]) == c.j)
    c.prove("Y is the pixel's row", c.at_pixel(maps[2]) == c.i)

    is_hot = c.z3.And(c.i == c.y, c.j == c.x)
    left = c.z3.If(is_hot, c.W - c.x, -c.j)
    above = c.z3.If(is_hot, c.H - c.y, -c.i)
    maps = c.apply(convolution, maps)
    c.prove("W A - X is W - x at the hot pixel and -X elsewhere", c.at_pixel(maps[0]) == left)
    c.prove("H A - Y is H - y at the hot pixel and -Y elsewhere", c.at_pixel(maps[1]) == above)
    c.prove("no number is larger than W", c.z3.And(-c.W < left, left <= c.W))
    c.prove("no number is larger than H", c.z3.And(-c.H < above, above <= c.H))

    maps = c.apply(relu, maps)
    maps = [
        c.is_impulse("relu leaves W - x at the hot pixel", maps[0], Impulse(c.y, c.x, c.W - c.x)),
        c.is_impulse("relu leaves H - y at the hot pixel", maps[1], Impulse(c.y, c.x, c.H - c.y)),
    ]
    x, y = c.apply(subtraction, c.apply(total, maps))
    c.prove("W minus the sum is x", x == c.x)
    c.prove("H minus the sum is y", y == c.y)
    return c.proved()


def inner_product_lemmas(change: Change = unchanged) -> int:
    """Prove that on any bitmap of 0 and 1 the network is one inner product, W - A.(W - X).

    At every pixel relu(W A - X) is A (W - X), whose sum over the pixels is the inner product.
    """
    c = Canvas()
    coordinates, convolution, relu, _, subtraction = change(onehot2coord.steps(c.H, c.W))
    value = c.z3.Function("A", c.z3.IntSort(), c.z3.IntSort(), c.z3.IntSort())
    lit = value(c.i, c.j) == 1
    maps = c.apply(coordinates, [Field(c.z3.If(lit, 1, 0))])
    c.prove("X is the pixel's column", c.at_pixel(maps[1]) == c.j)
    c.prove("Y is the pixel's row", c.at_pixel(maps[2]) == c.i)
    products = [c.z3.If(lit, c.W - c.j, 0), c.z3.If(lit, c.H - c.i, 0)]
    maps = c.apply(relu, c.apply(convolution, maps))
    c.prove("relu(W A - X) is A (W - X)", c.at_pixel(maps[0]) == products[0])
    c.prove("relu(H A - Y) is A (H - Y)", c.at_pixel(maps[1]) == products[1])
    sums = c.z3.Ints("sum_x sum_y")
    x, y = c.apply(subtraction, sums)
    c.prove("x is W minus the inner product", x == c.W - sums[0])
    c.prove("y is H minus the inner product", y == c.H - sums[1])
    return c.proved()


def without_coordinates_lemmas(change: Change = unchanged) -> int:
    """Prove every step of the network without coordinates; return the number of lemmas."""
    c = Canvas()
    convolution, relu, _, subtraction = change(onehot2coord.steps_without_coordinates(c.H, c.W))
    maps = c.apply(convolution, [Impulse(c.y, c.x, 1)])
    right = c.z3.If(c.z3.And(c.i == c.y, c.j >= c.x), 1, 0)
    below = c.z3.If(c.z3.And(c.j == c.x, c.i >= c.y), 1, 0)
    c.prove("1 from the hot pixel to the right edge, else 0", c.at_pixel(maps[0]) == right)
    c.prove("1 from the hot pixel to the bottom, else 0", c.at_pixel(maps[1]) == below)
    maps = c.apply(relu, maps)
    c.prove("relu changes nothing to the right", c.at_pixel(maps[0]) == right)
    c.prove("relu changes nothing below", c.at_pixel(maps[1]) == below)

    def if_(condition: Formula, value: Formula) -> Formula:
        return c.z3.If(condition, value, 0)

    sums = [
        c.sum_by_induction(
            "the pixels from x to the right edge",
            maps[0],
            row=lambda i, k: if_(c.z3.And(i == c.y, k > c.x), k - c.x),
            all=lambda k: if_(k > c.y, c.W - c.x),
        ),
        c.sum_by_induction(
            "the pixels from y to the bottom",
            maps[1],
            row=lambda i, k: if_(c.z3.And(i >= c.y, k > c.x), 1),
            all=lambda k: if_(k > c.y, k - c.y),
        ),
    ]
    c.prove("the row sums to W - x", sums[0] == c.W - c.x)
    c.prove("the column sums to H - y", sums[1] == c.H - c.y)
    x, y = c.apply(subtraction, sums)
    c.prove("W minus the sum is x", x == c.x)
    c.prove("H minus the sum is y", y == c.y)
    return c.proved()


def _one_hot_lemmas(c: Canvas, operations: tuple[Operation, ...]) -> Impulse:
    """Prove `coord2onehot` and return what it puts out."""
    tile, coordinates, difference, relu, total, subtraction, last = operations
    maps = c.apply(coordinates, c.apply(tile, [c.x, c.y]))
    c.prove("x is tiled", c.at_pixel(maps[0]) == c.x)
    c.prove("y is tiled", c.at_pixel(maps[1]) == c.y)
    c.prove("X is the pixel's column", c.at_pixel(maps[2]) == c.j)
    c.prove("Y is the pixel's row", c.at_pixel(maps[3]) == c.i)

    maps = c.apply(difference, maps)
    for channel, expected in enumerate((c.x - c.j, c.j - c.x, c.y - c.i, c.i - c.y)):
        c.prove(f"difference {channel}", c.at_pixel(maps[channel]) == expected)
    maps = c.apply(relu, maps)
    across, down = c.z3.Abs(c.x - c.j), c.z3.Abs(c.y - c.i)
    c.prove("|x - X|", c.at_pixel(maps[0]) + c.at_pixel(maps[1]) == across)
    c.prove("|y - Y|", c.at_pixel(maps[2]) + c.at_pixel(maps[3]) == down)
    maps = c.apply(total, maps)
    c.prove("|x - X| + |y - Y|", c.at_pixel(maps[0]) == across + down)
    maps = c.apply(subtraction, maps)
    c.prove("1 - |x - X| - |y - Y|", c.at_pixel(maps[0]) == 1 - across - down)
    (bitmap,) = c.apply(last, maps)
    return c.is_impulse("1 at (x, y) and 0 elsewhere", bitmap, Impulse(c.y, c.x, 1))


def coord2onehot_lemmas(change: Change = unchanged) -> int:
    """Prove every step from coordinates to a bitmap; return the number of lemmas."""
    c = Canvas()
    _one_hot_lemmas(c, change(coord2onehot.steps(c.H, c.W)))
    return c.proved()


def coord2image_lemmas(change: Change = unchanged) -> int:
    """Prove every step from coordinates to a picture; return the number of lemmas."""
    c = Canvas()
    radius = c.z3.Int("r")
    c.assume(radius >= 0)
    *first, convolution = change(coord2image.steps(c.H, c.W, radius))
    (picture,) = c.apply(convolution, [_one_hot_lemmas(c, tuple(first))])
    inside = _in_square(c, radius)
    c.prove("1 within r of (x, y) and 0 elsewhere", c.at_pixel(picture) == c.z3.If(inside, 1, 0))
    return c.proved()


def _in_square(c: Canvas, radius: Formula) -> Formula:
    return c.z3.And(c.z3.Abs(c.x - c.j) <= radius, c.z3.Abs(c.y - c.i) <= radius)


def image2coord_lemmas(change: Change = unchanged) -> int:
    """Prove every step from a picture to coordinates; return the number of lemmas."""
    c = Canvas()
    radius = c.z3.Int("r")
    c.assume(radius >= 0, c.W >= 2 * radius + 1, c.H >= 2 * radius + 1)
    find, relu, coordinates, convolution, again, total, lack, clip, add, subtraction = change(
        image2coord.steps(c.H, c.W, radius)
    )
    picture = Field(c.z3.If(_in_square(c, radius), 1, 0))
    # The columns a to b and the rows p to q are what the canvas shows of the square.
    a = c.z3.If(c.x >= radius, c.x - radius, 0)
    p = c.z3.If(c.y >= radius, c.y - radius, 0)
    b = c.z3.If(c.x + radius < c.W, c.x + radius, c.W - 1)
    q = c.z3.If(c.y + radius < c.H, c.y + radius, c.H - 1)

    maps = c.apply(find, [picture])
    corners = [Impulse(p, a, 1), Impulse(q, b, 1)]
    rows, columns = c.z3.And(p <= c.i, c.i <= q), c.z3.And(a <= c.j, c.j <= b)
    # -1 inside the square, away from the corner's two sides, and just beyond the other two sides.
    dark = (
        c.z3.Or(
            c.z3.And(rows, columns, c.i > p, c.j > a),
            c.z3.And(rows, c.j == b + 1),
            c.z3.And(c.i == q + 1, columns),
        ),
        c.z3.Or(
            c.z3.And(rows, columns, c.i < q, c.j < b),
            c.z3.And(rows, c.j == a - 1),
            c.z3.And(c.i == p - 1, columns),
        ),
    )
    names = ("top left", "bottom right")
    for name, channel, corner, minus in zip(names, maps, corners, dark, strict=True):
        light = c.z3.And(c.i == corner.row, c.j == corner.column)
        expected = c.z3.If(light, 1, c.z3.If(minus, -1, 0))
        c.prove(f"1 at the {name} corner, else 0 or -1", c.at_pixel(channel) == expected)
    maps = [
        c.is_impulse(f"relu leaves the {name} corner", channel, corner)
        for name, channel, corner in zip(names, c.apply(relu, maps), corners, strict=True)
    ]
    maps = c.apply(coordinates, maps)
    c.prove("X is the pixel's column", c.at_pixel(maps[2]) == c.j)
    c.prove("Y is the pixel's row", c.at_pixel(maps[3]) == c.i)

    hot = [Impulse(p, a, c.W - a), Impulse(p, a, c.H - p)]
    hot += [Impulse(q, b, c.W - b), Impulse(q, b, c.H - q)]
    maps = c.apply(convolution, maps)
    for k, (channel, corner) in enumerate(zip(maps, hot, strict=True)):
        here = c.z3.And(c.i == corner.row, c.j == corner.column)
        expected = c.z3.If(here, corner.value, -c.i if k % 2 else -c.j)
        c.prove(f"corner coordinate {k}", c.at_pixel(channel) == expected)
    maps = [
        c.is_impulse(f"relu leaves corner coordinate {k}", channel, corner)
        for k, (channel, corner) in enumerate(zip(c.apply(again, maps), hot, strict=True))
    ]
    values = c.apply(lack, c.apply(total, maps))
    for k, expected in enumerate((a, p, 2 * radius - b, 2 * radius - q)):
        c.prove(f"corner and lack {k}", values[k] == expected)
    values = c.apply(clip, values)
    for k, (side, centre) in enumerate(((c.x - a, a), (c.y - p, p))):
        c.prove(f"the corner {k} is kept", values[k] == centre)
        c.prove(f"the lack is r minus what is seen {k}", values[k + 2] == radius - side)
    values = c.apply(add, values)
    c.prove("what is left to subtract for x", values[0] == radius - c.x)
    c.prove("what is left to subtract for y", values[1] == radius - c.y)
    x, y = c.apply(subtraction, values)
    c.prove("r minus that is x", x == c.x)
    c.prove("r minus that is y", y == c.y)
    return c.proved()
