"""The lemmas of the networks with two objects."""

from __future__ import annotations

from collections.abc import Sequence

from handcrafted import two_objects
from handcrafted.operations import Operation
from handcrafted.proofs.lemmas import Change, unchanged
from handcrafted.proofs.symbolic import Canvas, Channel, Field, Formula, Impulse

__all__ = ["drawing_lemmas", "image2objects_lemmas", "objects2image_lemmas", "table_of"]


def table_of(c: Canvas, distance: Formula, lengths: list[int]) -> Formula:
    """Return lengths[|distance|], and -1 beyond the table."""
    value: Formula = -1
    for index in reversed(range(len(lengths))):
        value = c.z3.If(c.z3.Abs(distance) == index, lengths[index], value)
    return value


def _in_shape(c: Canvas, x: Formula, y: Formula, square: Formula) -> Formula:
    """Say whether a disc or a square at (x, y) covers the pixel (i, j)."""
    r = two_objects.RADIUS
    halves = [max(d for d in range(r + 1) if d**2 + k**2 <= r**2) for k in range(r + 1)]
    disc = c.z3.Abs(c.j - x) <= table_of(c, c.i - y, halves)
    within = c.z3.And(c.z3.Abs(c.j - x) <= r, c.z3.Abs(c.i - y) <= r)
    return c.z3.If(square == 1, within, disc)


def _room(c: Canvas, x: Formula, y: Formula, *flags: Formula) -> None:
    """Assume that an object at (x, y) is whole on the canvas, and that flags are 0 or 1."""
    r = two_objects.RADIUS
    c.assume(x >= r, x < c.W - r, y >= r, y < c.H - r)
    c.assume(*(c.z3.Or(flag == 0, flag == 1) for flag in flags))


def drawing_lemmas(
    c: Canvas, operations: tuple[Operation, ...], maps: list[Channel], objects: Sequence[Formula]
) -> None:
    """Prove that the four maps of centres become the scene; objects: x, y, shape of both."""
    draw, cover, relu, paint = operations
    bx, by, bs, rx, ry, rs = objects
    maps = c.apply(draw, maps)
    blue, red = _in_shape(c, bx, by, bs), _in_shape(c, rx, ry, rs)
    c.prove("the blue object", c.at_pixel(maps[0]) == c.z3.If(blue, 1, 0))
    c.prove("the red object", c.at_pixel(maps[1]) == c.z3.If(red, 1, 0))
    b, r = c.z3.If(blue, 1, 0), c.z3.If(red, 1, 0)
    maps = c.apply(cover, [Field(b), Field(r)])
    c.prove("blue less red", c.at_pixel(maps[0]) == b - r)
    c.prove("red kept", c.at_pixel(maps[1]) == r)
    maps = c.apply(paint, c.apply(relu, maps))
    colours = (
        c.z3.If(red, 1, c.z3.If(blue, -1, 1)),
        c.z3.If(c.z3.Or(red, blue), -1, 1),
        c.z3.If(red, -1, 1),
    )
    for name, channel, colour in zip(("red", "green", "blue"), maps, colours, strict=True):
        c.prove(f"the {name} channel", c.at_pixel(channel) == colour)


def objects2image_lemmas(change: Change = unchanged) -> int:
    """Prove every step from two objects to their picture; return the number of lemmas."""
    c = Canvas()
    given = c.z3.Ints("x0 y0 c0 s0 x1 y1 c1 s1")
    for x, y, colour, shape in (given[:4], given[4:]):
        _room(c, x, y, colour, shape)
    c.assume(given[2] != given[6])
    (
        first,
        relu,
        pair,
        tile,
        coordinates,
        difference,
        relu2,
        mark,
        relu3,
        draw,
        cover,
        relu4,
        paint,
    ) = change(two_objects.steps(c.H, c.W))
    vector = c.apply(first, given)
    things = [
        (colour, given[4 * which + 2], given[4 * which + thing])
        for colour in (0, 1)
        for thing in (0, 1, 3)
        for which in (0, 1)
    ]
    for k, (value, (colour, its, thing)) in enumerate(zip(vector, things, strict=True)):
        kept = c.z3.If(its == colour, thing, thing - c.H - c.W)
        c.prove(f"0 or less if it is of the other colour {k}", value == kept)
    vector = c.apply(pair, c.apply(relu, vector))
    ordered = [
        c.z3.If(given[2] == colour, given[thing], given[4 + thing])
        for colour in (0, 1)
        for thing in (0, 1, 3)
    ]
    for k, (value, expected) in enumerate(zip(vector, ordered, strict=True)):
        c.prove(f"sorted by colour {k}", value == expected)
    bx, by, bs, rx, ry, rs = symbols = c.z3.Ints("bx by bs rx ry rs")
    for symbol, expected in zip(symbols, ordered, strict=True):
        c.assume(symbol == expected)

    maps = c.apply(coordinates, c.apply(tile, list(symbols)))
    c.prove("X is the pixel's column", c.at_pixel(maps[6]) == c.j)
    c.prove("Y is the pixel's row", c.at_pixel(maps[7]) == c.i)
    maps = c.apply(difference, maps)
    expected = [
        bx - c.j,
        c.j - bx,
        by - c.i,
        c.i - by,
        rx - c.j,
        c.j - rx,
        ry - c.i,
        c.i - ry,
        bs,
        rs,
    ]
    for k, value in enumerate(expected):
        c.prove(f"difference {k}", c.at_pixel(maps[k]) == value)
    maps = c.apply(relu2, maps)
    for k, value in enumerate(expected):
        c.prove(f"relu {k}", c.at_pixel(maps[k]) == c.z3.If(value > 0, value, 0))
    distances = [c.z3.Abs(x - c.j) + c.z3.Abs(y - c.i) for x, y in ((bx, by), (rx, ry))]
    maps = c.apply(mark, maps)
    marks = [1 - bs - distances[0], bs - distances[0], 1 - rs - distances[1], rs - distances[1]]
    for k, value in enumerate(marks):
        c.prove(f"mark {k}", c.at_pixel(maps[k]) == value)
    maps = c.apply(relu3, maps)
    centres = [Impulse(by, bx, 1 - bs), Impulse(by, bx, bs)]
    centres += [Impulse(ry, rx, 1 - rs), Impulse(ry, rx, rs)]
    maps = [
        c.is_impulse(f"centre {k}", channel, centre)
        for k, (channel, centre) in enumerate(zip(maps, centres, strict=True))
    ]
    drawing_lemmas(c, (draw, cover, relu4, paint), list(maps), symbols)
    return c.proved()


def image2objects_lemmas(change: Change = unchanged) -> int:
    """Prove every step from a picture to its two objects; return the number of lemmas."""
    c = Canvas()
    bx, by, bs, rx, ry, rs = c.z3.Ints("bx by bs rx ry rs")
    _room(c, bx, by, bs)
    _room(c, rx, ry, rs)
    # The squared distance is 400 or more: for each way apart down, at least so far apart across.
    limit = two_objects.DISTANCE
    apart = [next(d for d in range(limit + 1) if d**2 + k**2 >= limit**2) for k in range(limit)]
    c.assume(c.z3.Abs(bx - rx) >= table_of(c, by - ry, apart))
    is_blue, is_red = _in_shape(c, bx, by, bs), _in_shape(c, rx, ry, rs)
    If, And, Or, Not, Implies = c.z3.If, c.z3.And, c.z3.Or, c.z3.Not, c.z3.Implies

    split, relu, find, relu2, flip, relu3, coordinates, locate, relu4, total, read, clip, order = (
        change(two_objects.inverse_steps(c.H, c.W))
    )
    scene = [
        Field(If(is_red, 1, If(is_blue, -1, 1))),
        Field(If(Or(is_red, is_blue), -1, 1)),
        Field(If(is_red, -1, 1)),
    ]
    visible = [Field(If(And(is_blue, Not(is_red)), 1, 0)), Field(If(is_red, 1, 0))]
    maps = c.apply(split, scene)
    for name, channel, true in zip(("blue", "red"), maps, visible, strict=True):
        c.prove(f"1 where {name} is seen, else -1", c.at_pixel(channel) == 2 * c.at_pixel(true) - 1)
    maps = c.apply(relu, maps)
    for name, channel, true in zip(("blue", "red"), maps, visible, strict=True):
        c.prove(f"1 where {name} is seen, else 0", c.at_pixel(channel) == c.at_pixel(true))

    at_blue, at_red = And(c.i == by, c.j == bx), And(c.i == ry, c.j == rx)
    maps = c.apply(find, visible)

    def count(channel: Channel, across: int, down: int) -> Formula:
        """Count the pixels so far across and down, both ways, that a channel has."""
        steps = {(down, across), (down, -across), (-down, across), (-down, -across)}
        return sum(c.value(channel, c.i + a, c.j + b) for a, b in sorted(steps))

    def ends(channel: Channel, far: int) -> Formula:
        return count(channel, far, 0) + count(channel, 0, far)

    r = two_objects.RADIUS
    score = 2 * ends(visible[0], r) + ends(visible[1], r) - 8 * ends(visible[0], r + 1) - 6
    c.prove("three ends blue, one blue or red, none beyond", c.at_pixel(maps[0]) == score)
    c.prove("four ends red", c.at_pixel(maps[1]) == ends(visible[1], r) - 3)
    c.prove("blue corners", c.at_pixel(maps[2]) == count(visible[0], r, r))
    c.prove("red corners", c.at_pixel(maps[3]) == count(visible[1], r, r))
    v = [c.at_pixel(channel) for channel in c.apply(relu2, maps)]
    c.prove("1 or 2 at the blue centre", Implies(at_blue, Or(v[0] == 1, v[0] == 2)))
    c.prove("0 but at the blue centre", Or(at_blue, v[0] == 0))
    c.prove("1 at the red centre and 0 elsewhere", v[1] == If(at_red, 1, 0))
    some = If(bs == 1, And(v[2] >= 2, v[2] <= 4), v[2] == 0)
    c.prove("2 to 4 corners at a blue square's centre, 0 at a disc's", Implies(at_blue, some))
    c.prove("4 corners at a red square's centre, 0 at a disc's", Implies(at_red, v[3] == 4 * rs))
    c.prove("never more than 4 corners", And(v[2] >= 0, v[2] <= 4, v[3] >= 0, v[3] <= 4))

    # From here on these facts are all that is used: symbols stand for what they leave open.
    peak, corners, blue_rest, red_rest = c.z3.Ints("peak corners blue_rest red_rest")
    c.assume(Or(peak == 1, peak == 2), If(bs == 1, And(corners >= 2, corners <= 4), corners == 0))
    c.assume(*(And(rest >= 0, rest <= 4) for rest in (blue_rest, red_rest)))
    found: list[Channel] = [
        Impulse(by, bx, peak),
        Impulse(ry, rx, 1),
        Field(If(at_blue, corners, blue_rest)),
        Field(If(at_red, 4 * rs, red_rest)),
    ]
    maps = c.apply(flip, found)
    c.prove("1 minus the peak", c.at_pixel(maps[0]) == If(at_blue, 1 - peak, 1))
    maps = c.apply(relu3, maps)
    c.prove("0 at the blue centre and 1 elsewhere", c.at_pixel(maps[0]) == If(at_blue, 0, 1))
    for k in (1, 2, 3):
        c.prove(f"kept {k}", c.at_pixel(maps[k]) == c.at_pixel(found[k]))
    flipped: list[Channel] = [Field(If(at_blue, 0, 1)), *found[1:]]
    maps = c.apply(coordinates, flipped)
    c.prove("X is the pixel's column", c.at_pixel(maps[4]) == c.j)
    c.prove("Y is the pixel's row", c.at_pixel(maps[5]) == c.i)
    maps = c.apply(locate, maps)
    for k, (here, value, otherwise) in enumerate(
        (
            (at_blue, c.W - bx, -c.j),
            (at_blue, c.H - by, -c.i),
            (at_red, c.W - rx, -c.j),
            (at_red, c.H - ry, -c.i),
            (at_blue, corners, blue_rest - 4),
            (at_red, 4 * rs, red_rest - 4),
        )
    ):
        c.prove(f"located {k}", c.at_pixel(maps[k]) == If(here, value, otherwise))
    blue = [Impulse(by, bx, value) for value in (c.W - bx, c.H - by, corners)]
    red = [Impulse(ry, rx, value) for value in (c.W - rx, c.H - ry, 4 * rs)]
    maps = [
        c.is_impulse(f"relu leaves {k}", channel, impulse)
        for k, (channel, impulse) in enumerate(
            zip(c.apply(relu4, maps), (*blue[:2], *red[:2], blue[2], red[2]), strict=True)
        )
    ]
    values = c.apply(read, c.apply(total, maps))
    for k, value in enumerate((bx, by, rx, ry, 1 - corners, 1 - 4 * rs)):
        c.prove(f"read {k}", values[k] == value)
    values = c.apply(clip, values)
    for k, value in enumerate((bx, by, rx, ry, 1 - bs, 1 - rs)):
        c.prove(f"clipped {k}", values[k] == value)
    values = c.apply(order, values)
    for k, value in enumerate((bx, by, 0, bs, rx, ry, 1, rs)):
        c.prove(f"answer {k}", values[k] == value)
    return c.proved()
