"""The lemmas of the generator of scenes.

Two facts are used that the solver is not asked. A convolution is linear, so what it does to a map
is the sum of what it does to each pixel's value alone; that it is asked. And the free places, in
the order of rows and columns, are numbered from 1 to N, so that of all numbers t in [0, N) each is
in [n - 1, n) for exactly one place's number n.
"""

from __future__ import annotations

from handcrafted import scene_generator
from handcrafted.proofs.lemmas import Change, unchanged
from handcrafted.proofs.symbolic import Canvas, Channel, Field, Formula, Impulse
from handcrafted.proofs.two_object_lemmas import drawing_lemmas, table_of
from handcrafted.two_objects import DISTANCE, RADIUS

__all__ = ["scene_generator_lemmas"]


def scene_generator_lemmas(change: Change = unchanged) -> int:
    """Prove every step from random numbers to a scene; return the number of lemmas."""
    c = Canvas()
    base, r = scene_generator.BASE, RADIUS
    If, And, Or, Not = c.z3.If, c.z3.And, c.z3.Or, c.z3.Not
    xa, xb, ya, yb, ua, ub, sb, sr = latents = c.z3.Ints("x x' y y' u u' b r")
    c.assume(*(And(0 <= latent, latent < base) for latent in latents))
    c.assume(c.W > 2 * r, c.H > 2 * r)
    (tile, coordinates, number, low, relu, step, relu2, meet, relu3, *rest) = change(
        scene_generator.steps(c.H, c.W)
    )
    (free, relu4, gate, relu5, count, pick, relu6, pick_step, relu7, mark, relu8, *drawing) = rest

    maps = c.apply(coordinates, c.apply(tile, list(latents)))
    for k, value in enumerate((*latents, c.j, c.i)):
        c.prove(f"everywhere, or the pixel's own {k}", c.at_pixel(maps[k]) == value)
    columns, rows = c.W - 2 * r, c.H - 2 * r
    numbers = [
        base * (c.j - r + 1) - columns * xa,
        base * (c.j - r) - columns * xa,
        base * (c.i - r + 1) - rows * ya,
        base * (c.i - r) - rows * ya,
        columns * xb,
        rows * yb,
        ua,
        ub,
        base * (base // 2 - sb),
        base * (base // 2 - sr),
        r - c.j,
        c.j - (c.W - 1 - r),
        r - c.i,
        c.i - (c.H - 1 - r),
    ]
    maps = c.apply(number, maps)
    for k, value in enumerate(numbers):
        c.prove(f"number {k}", c.at_pixel(maps[k]) == value)

    for side, whole, fine in ((columns, xa, xb), (rows, ya, yb)):
        c.prove(
            "the last number is of the last place", side * (base * whole + fine) < base**2 * side
        )
    # Products with the canvas's sides: symbols, of which it is known where x and y are.
    names = "columns*x columns*x' rows*y rows*y'"
    wide, wide_fine, high, high_fine = c.z3.Ints(names)
    bx, by = c.z3.Ints("bx by")
    for at, whole, fine in ((bx, wide, wide_fine), (by, high, high_fine)):
        total = base * whole + fine
        c.assume(base**2 * (at - r) <= total, total < base**2 * (at - r + 1))
        c.assume(whole >= 0, fine >= 0)
    c.assume(r <= bx, bx < c.W - r, r <= by, by < c.H - r)
    known = [
        base * (c.j - r + 1) - wide,
        base * (c.j - r) - wide,
        base * (c.i - r + 1) - high,
        base * (c.i - r) - high,
        wide_fine,
        high_fine,
        *numbers[6:],
    ]
    maps = c.apply(low, [Field(value) for value in known])
    lows = [1 - base * known[k] + known[4 + k // 2] for k in range(4)] + known[6:]
    for k, value in enumerate(lows):
        c.prove(f"one less what is compared {k}", c.at_pixel(maps[k]) == value)
    maps = c.apply(relu, maps)
    for k, value in enumerate(lows):
        c.prove(f"relu {k}", c.at_pixel(maps[k]) == If(value > 0, value, 0))
    maps = c.apply(step, [Field(If(value > 0, value, 0)) for value in lows])
    above = [If(value > 0, value, 0) for value in lows[8:]]
    steps = [
        *(1 - If(value > 0, value, 0) for value in lows[:4]),
        ua,
        ub,
        *(1 - If(value > 0, value, 0) for value in lows[6:8]),
        1 - above[0] - above[1] - above[2] - above[3],
    ]
    for k, value in enumerate(steps):
        c.prove(f"step {k}", c.at_pixel(maps[k]) == value)
    place = And(r <= c.j, c.j < c.W - r, r <= c.i, c.i < c.H - r)
    blue_square, red_square = (If(latent >= base // 2, 1, 0) for latent in (sb, sr))
    flags = [
        If(c.j >= bx, 1, 0),
        If(c.j > bx, 1, 0),
        If(c.i >= by, 1, 0),
        If(c.i > by, 1, 0),
        ua,
        ub,
        blue_square,
        red_square,
        If(place, 1, 0),
    ]
    maps = c.apply(relu2, maps)
    for k, value in enumerate(flags):
        c.prove(f"whether it is so {k}", c.at_pixel(maps[k]) == value)
    maps = c.apply(meet, [Field(value) for value in flags])
    at_blue = And(c.i == by, c.j == bx)
    right = flags[0] - flags[1] + flags[2] - flags[3] - 1
    for k, value in enumerate((right, *flags[4:])):
        c.prove(f"both the column and the row {k}", c.at_pixel(maps[k]) == value)
    maps = c.apply(relu3, maps)
    blue = c.is_impulse("the blue centre", maps[0], Impulse(by, bx, 1))
    for k, value in enumerate(flags[4:], start=1):
        c.prove(f"kept {k}", c.at_pixel(maps[k]) == value)

    halves = [max(d for d in range(DISTANCE) if d**2 + k**2 < DISTANCE**2) for k in range(DISTANCE)]
    near = c.z3.Abs(c.j - bx) <= table_of(c, c.i - by, halves)
    maps = c.apply(free, [blue, *(Field(value) for value in flags[4:])])
    for k, value in enumerate((If(at_blue, 1, 0), *flags[4:8])):
        c.prove(f"kept by the disc {k}", c.at_pixel(maps[k]) == value)
    left = If(place, 1, 0) - If(near, 1, 0)
    c.prove("places less those too near", c.at_pixel(maps[5]) == left)
    maps = c.apply(relu4, maps)
    is_free = And(place, Not(near))
    for k, value in enumerate((If(at_blue, 1, 0), *flags[4:8], If(is_free, 1, 0))):
        c.prove(f"free places {k}", c.at_pixel(maps[k]) == value)

    # From here on: f is 1 at a free place and 0 elsewhere.
    f, square_b, square_r = c.z3.Ints("f square_b square_r")
    c.assume(*(Or(flag == 0, flag == 1) for flag in (f, square_b, square_r)))
    given: list[Channel] = [blue, *map(Field, (ua, ub, square_b, square_r, f))]
    maps = c.apply(gate, given)
    gated = [ua + base * f - base, ub + base * f - base, square_b, square_r, f]
    for k, value in enumerate((If(at_blue, 1, 0), *gated)):
        c.prove(f"less {base} where it is not free {k}", c.at_pixel(maps[k]) == value)
    maps = c.apply(relu5, maps)
    kept = [If(f == 1, ua, 0), If(f == 1, ub, 0), square_b, square_r, f]
    for k, value in enumerate((If(at_blue, 1, 0), *kept)):
        c.prove(f"u and u' where it is free {k}", c.at_pixel(maps[k]) == value)

    # What the convolution does to one pixel's value v, in each channel alone.
    v = c.z3.Int("v")
    before = Or(c.y < c.i, And(c.y == c.i, c.x < c.j))
    here = And(c.y == c.i, c.x == c.j)
    to_here = Or(before, here)
    parts: list[list[Formula]] = [
        [If(here, v, 0), 0, 0, 0, 0, 0],
        [0, -v, -v, 0, 0, 0],
        [0, 0, 0, v, 0, 0],
        [0, 0, 0, 0, If(here, v, 0), 0],
        [0, 0, 0, 0, 0, If(here, v, 0)],
        [0, If(to_here, base * v, 0), If(before, base * v, 0), 0, 0, 0],
    ]
    for channel, outputs in enumerate(parts):
        alone: list[Channel] = [
            Impulse(c.y, c.x, v if k == channel else 0) for k in range(len(parts))
        ]
        maps = c.apply(count, alone)
        for k, value in enumerate(outputs):
            lemma = f"what one pixel of channel {channel} adds to output {k}"
            c.prove(lemma, c.at_pixel(maps[k]) == value)

    # So: n is how many free places there are to here, and t and t' are N u and N u'.
    n, t, t_fine = c.z3.Ints("n N*u N*u'")
    c.assume(n >= f, t >= 0, t_fine >= 0)
    counted: list[Channel] = [
        blue,
        *map(Field, (base * n - t, base * (n - f) - t, t_fine, square_b, square_r)),
    ]
    maps = c.apply(pick, counted)
    compared = [1 - base * (base * m - t) + t_fine for m in (n, n - f)]
    for k, value in enumerate((If(at_blue, 1, 0), *compared, square_b, square_r)):
        c.prove(f"one less what is compared, red {k}", c.at_pixel(maps[k]) == value)
    maps = c.apply(relu6, maps)
    clipped = [If(value > 0, value, 0) for value in compared]
    for k, value in enumerate((If(at_blue, 1, 0), *clipped, square_b, square_r)):
        c.prove(f"relu, red {k}", c.at_pixel(maps[k]) == value)
    maps = c.apply(pick_step, [blue, *map(Field, (*clipped, square_b, square_r))])
    halves = [1 - value for value in clipped]
    for k, value in enumerate((If(at_blue, 1, 0), *halves, square_b, square_r)):
        c.prove(f"step, red {k}", c.at_pixel(maps[k]) == value)
    maps = c.apply(relu7, maps)
    total = base * t + t_fine
    passed = [If(base**2 * m > total, 1, 0) for m in (n, n - f)]
    for k, value in enumerate((If(at_blue, 1, 0), *passed, square_b, square_r)):
        c.prove(f"whether the place is passed {k}", c.at_pixel(maps[k]) == value)
    chosen = And(f == 1, base**2 * (n - 1) <= total, total < base**2 * n)
    c.prove("passed here and not before", passed[0] - passed[1] == If(chosen, 1, 0))

    # The one place whose number it is: the red centre.
    rx, ry = c.z3.Ints("rx ry")
    c.assume(c.on_canvas(ry, rx), chosen == And(c.i == ry, c.j == rx))
    maps = c.apply(mark, [blue, *map(Field, (*passed, square_b, square_r))])
    at_red = And(c.i == ry, c.j == rx)
    hot = [
        If(at_blue, 1, 0) - square_b,
        If(at_blue, 1, 0) + square_b - 1,
        If(at_red, 1, 0) - square_r,
        If(at_red, 1, 0) + square_r - 1,
    ]
    for k, value in enumerate(hot):
        c.prove(f"mark {k}", c.at_pixel(maps[k]) == value)
    centres = [Impulse(by, bx, 1 - square_b), Impulse(by, bx, square_b)]
    centres += [Impulse(ry, rx, 1 - square_r), Impulse(ry, rx, square_r)]
    found: list[Channel] = [
        c.is_impulse(f"centre {k}", channel, centre)
        for k, (channel, centre) in enumerate(zip(c.apply(relu8, maps), centres, strict=True))
    ]
    drawing_lemmas(c, tuple(drawing), found, (bx, by, square_b, rx, ry, square_r))
    return c.proved()
