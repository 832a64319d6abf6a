"""A bar chart as SVG, drawn by hand: it needs no library, and is the same text on every machine."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

COLOURS = ("#1b4965", "#5fa8d3", "#bcd9ea")
LEFT, WIDTH, BAR, GAP, TOP = 510, 400, 13, 16, 64


def draw(rows: Mapping[str, Sequence[float]], legend: Sequence[str], chance: float) -> str:
    """Shares from 0 to 1 as groups of bars, none where it is not a number, and a line where chance
    is."""
    group = BAR * len(legend) + GAP
    bottom = TOP + group * len(rows)
    height = bottom + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 80} {height}" '
        'font-family="sans-serif" font-size="13" role="img" '
        'aria-label="Share of relays whose customer the matcher names">',
        f'<rect width="{LEFT + WIDTH + 80}" height="{height}" fill="#ffffff"/>',
        text(16, 24, "Relays whose customer the matcher names", size=16),
    ]
    for number, name in enumerate(legend):
        x = 16 + 190 * number
        parts.append(f'<rect x="{x}" y="36" width="12" height="12" fill="{COLOURS[number]}"/>')
        parts.append(text(x + 18, 47, name))
    for percent in (0, 25, 50, 75, 100):
        x = LEFT + WIDTH * percent // 100
        parts.append(line(x, TOP, x, bottom, "#dddddd"))
        parts.append(text(x, bottom + 18, f"{percent} %", anchor="middle"))
    for place, (name, shares) in enumerate(rows.items()):
        y = TOP + GAP / 2 + group * place
        parts.append(text(LEFT - 10, y + BAR * len(shares) / 2 + 5, name, anchor="end"))
        for number, share in enumerate(shares):
            if math.isnan(share):
                continue
            top = y + BAR * number
            width = WIDTH * share
            parts.append(
                f'<rect x="{LEFT}" y="{top:.1f}" width="{width:.1f}" height="{BAR - 1}" '
                f'fill="{COLOURS[number]}"/>'
            )
            label = f"{share:.0%}".replace("%", " %")
            parts.append(text(LEFT + width + 5, top + BAR - 3, label, size=10))
    at = LEFT + WIDTH * chance
    parts.append(line(at, TOP, at, bottom, "#c1121f"))
    parts.append(text(at, TOP - 2, "chance", anchor="middle", size=10, colour="#c1121f"))
    return "\n".join([*parts, "</svg>", ""])


def text(
    x: float, y: float, words: str, anchor: str = "start", size: int = 13, colour: str = "#222222"
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
        f'fill="{colour}">{escape(words)}</text>'
    )


def line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'
