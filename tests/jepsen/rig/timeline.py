"""The run as a picture: throughput, faults, who led. SVG, to be read from top to bottom.

    grants a second      the area; behind it the faults, as faint bands
    outcomes             ticks where something was unknown, expired or refused
    nodes                one row each: there or not, where it led, with the term; a line where
                         it stood still
    faults               one row a lane; what, from when to when; pale if nobody met it
"""

from html import escape

from rig.machine import EPOCH

LEFT, RIGHT, TOP = 92, 24, 46
PLOT, OUTCOMES, ROW, LANE = 170, 34, 20, 40
INK, FAINT, GRID = "#1c2430", "#6b7684", "#dfe3e8"
COLOURS = {"nodes": "#c2410c", "network": "#1d4ed8", "clients": "#15803d"}
OUTCOME_COLOURS = {"unknown": "#b91c1c", "expired": "#a16207", "refused": "#64748b"}
GROUPS = {"info": "unknown", "expired": "expired", "fail": "refused"}
LEADS, THERE, PAUSED = "#0f766e", "#d5ece8", "#f59e0b"


class Canvas:
    def __init__(self, seconds):
        self.seconds = seconds
        self.width = int(min(8000, max(1300, 180 + seconds * 18)))
        self.parts = []
        self.y = TOP

    def x(self, when):
        """Where an instant is, in seconds since the run began."""
        inner = self.width - LEFT - RIGHT
        return LEFT + inner * min(max(when, 0.0), self.seconds) / self.seconds

    def rect(self, begin, end, y, height, colour, opacity=1.0, title=""):
        width = max(1.0, self.x(end) - self.x(begin))
        tip = f"<title>{escape(title)}</title>" if title else ""
        self.parts.append(
            f'<rect x="{self.x(begin):.1f}" y="{y:.1f}" width="{width:.1f}" '
            f'height="{height:.1f}" fill="{colour}" fill-opacity="{opacity}">{tip}</rect>')

    def text(self, x, y, text, size=11, colour=INK, anchor="start", weight="normal"):
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" '
            f'text-anchor="{anchor}" font-weight="{weight}">{escape(text)}</text>')

    def line(self, x1, y1, x2, y2, colour=GRID):
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
                          f'stroke="{colour}" stroke-width="1"/>')

    def label(self, y, text):
        self.text(LEFT - 10, y, text, anchor="end", colour=FAINT)

    def svg(self):
        height = self.y + 30
        return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" '
                f'height="{height:.0f}" font-family="DejaVu Sans, Helvetica, sans-serif">\n'
                f'<rect width="100%" height="100%" fill="white"/>\n'
                + "\n".join(self.parts) + "\n</svg>\n")


def step_for(seconds):
    return next(s for s in (1, 2, 5, 10, 30, 60, 300, 3600) if seconds / s <= 40)


def draw_times(canvas, top, bottom):
    step = step_for(canvas.seconds)
    for number in range(int(canvas.seconds / step) + 1):
        x = canvas.x(number * step)
        canvas.line(x, top, x, bottom)
        canvas.text(x, bottom + 16, f"{number * step} s", colour=FAINT, anchor="middle")


def nice_top(value):
    return next(int(size * 10 ** power) for power in range(1, 9)
                for size in (1, 1.5, 2, 3, 5, 7.5) if size * 10 ** power >= value)


def draw_throughput(canvas, times):
    width = 0.25 if canvas.seconds <= 300 else 1.0
    bins = [0] * (int(canvas.seconds / width) + 1)
    for when in times:
        if 0 <= when < canvas.seconds:
            bins[int(when / width)] += 1
    most = nice_top(max(bins) / width) if any(bins) else 10
    bottom = canvas.y + PLOT
    for part in (0.5, 1.0):
        y = bottom - PLOT * part
        canvas.line(LEFT, y, canvas.width - RIGHT, y)
        canvas.label(y + 4, f"{int(most * part)}")
    canvas.label(bottom - 2, "0")
    points = [f"{canvas.x(0):.1f},{bottom}"]
    for number, count in enumerate(bins):
        y = bottom - PLOT * (count / width) / most
        points += [f"{canvas.x(number * width):.1f},{y:.1f}",
                   f"{canvas.x((number + 1) * width):.1f},{y:.1f}"]
    points.append(f"{canvas.x(canvas.seconds):.1f},{bottom}")
    canvas.parts.append(f'<polygon points="{" ".join(points)}" fill="#334155" '
                        f'fill-opacity="0.75"/>')
    canvas.text(LEFT, canvas.y - 8, "grants a second", colour=FAINT)
    canvas.y = bottom + 8


def draw_outcomes(canvas, outcomes):
    """Ticks by instant: three rows, so that one kind does not hide another."""
    height = OUTCOMES / len(OUTCOME_COLOURS)
    for row, (name, colour) in enumerate(OUTCOME_COLOURS.items()):
        y = canvas.y + row * height
        canvas.label(y + height - 1, name)
        for when in sorted({round(t, 1) for t, kind in outcomes if kind == name}):
            canvas.rect(when, when + 0.1, y + 1, height - 2, colour)
    canvas.y += OUTCOMES + 14


def leaderships(leaders, end):
    """(begin, end, node, term): each until the next one begins."""
    ordered = sorted(leaders, key=lambda l: l[0])
    for (when, node, term), following in zip(ordered, ordered[1:] + [(end, None, 0)]):
        yield when - EPOCH, following[0] - EPOCH, node, term


def draw_nodes(canvas, rig, end):
    for node in rig.cluster.nodes:
        canvas.label(canvas.y + ROW - 7, node.name)
        for begin, over in node.lives:
            canvas.rect(begin - EPOCH, (over or end) - EPOCH, canvas.y + 3, ROW - 6, THERE)
        for begin, over, leader, term in leaderships(rig.cluster.leaders, end):
            if leader is not node:
                continue
            alive = [b for _, b in node.lives if b and b - EPOCH > begin]
            over = min([over] + [b - EPOCH for b in alive])
            canvas.rect(begin, over, canvas.y + 3, ROW - 6, LEADS, 1, f"leads term {term}")
            if canvas.x(over) - canvas.x(begin) > 8 * len(str(term)) + 4:
                canvas.text(canvas.x(begin) + 3, canvas.y + ROW - 6.5, str(term), size=10,
                            colour="white")
        for begin, over in node.pauses:
            canvas.rect(begin - EPOCH, (over or end) - EPOCH, canvas.y + ROW / 2 - 1.5, 3,
                        PAUSED, 1, "stands still")
        canvas.y += ROW
    canvas.y += 12


def draw_lane(canvas, lane, end):
    """Bars with their names: on two lines by turns, each where there is room for it."""
    colour = COLOURS[lane.lane]
    canvas.label(canvas.y + 9, lane.lane)
    free = [0.0, 0.0]
    for fault in lane.faults:
        begin, over = fault.begin - EPOCH, (fault.end or end) - EPOCH
        canvas.rect(begin, over, canvas.y, 10, colour, 0.85 if fault.met else 0.3,
                    f"{fault.kind}: {fault.what}{'' if fault.met else ' (nobody met it)'}")
        x = canvas.x(begin)
        rows = [row for row in (0, 1) if free[row] <= x]
        if rows:
            canvas.text(x, canvas.y + 21 + 11 * rows[0], fault.kind, size=9.5, colour=colour)
            free[rows[0]] = x + 5.6 * len(fault.kind) + 6
    canvas.y += LANE


def draw_bands(canvas, rig, end, height):
    for lane in rig.lanes:
        if lane.lane == "clients":
            continue  # They stop one client of many.
        for fault in lane.faults:
            canvas.rect(fault.begin - EPOCH, (fault.end or end) - EPOCH, canvas.y, height,
                        COLOURS[lane.lane], 0.08)


def draw(rig, evidence, verdict):
    end = rig.finished
    canvas = Canvas(end - EPOCH)
    outcomes = [(when / 1e9 - EPOCH, GROUPS[res]) for when, res in evidence.troubles
                if res in GROUPS]
    canvas.text(LEFT, 20, f"{len(rig.cluster.nodes)} nodes under faults, seed {rig.seed}: "
                f"{evidence.grants} grants, {evidence.hand_overs} hand-overs, "
                f"{len(rig.cluster.leaders)} leaders, {len(rig.faults())} faults: {verdict}",
                size=14, weight="bold")
    top = canvas.y
    height = PLOT + OUTCOMES + 34 + len(rig.cluster.nodes) * ROW + LANE * len(rig.lanes)
    draw_times(canvas, top, top + height)
    draw_bands(canvas, rig, end, PLOT)
    draw_throughput(canvas, [t / 1e9 - EPOCH for t in evidence.grant_times])
    draw_outcomes(canvas, outcomes)
    draw_nodes(canvas, rig, end)
    for lane in rig.lanes:
        draw_lane(canvas, lane, end)
    return canvas.svg()
