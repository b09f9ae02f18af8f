"""The runbook has every condition and every message of lockd, and no others."""

import re

RUNBOOK = "lockd/doc/operations.md"
CONDITIONS = "liblock/protocol/condition.c"
TABLES = {"conditions": "## What lockctl status says", "errors": "## Every error message"}
ERROR = re.compile(r'(?:tell_fatal\([^,"]+|\b(?:TELL|LOGGER)_ERROR),\s*"([a-z][a-z-]*)"')
OTHER = re.compile(r'\b(?:TELL|LOGGER)_(?:WARN|INFO|DEBUG),\s*"([a-z][a-z-]*)"')


def rows_of(text, heading):
    """{name: (line, cells)} of the first table below the heading."""
    begin = text.find(f"{heading}\n")
    part = text[begin:].split("\n## ", 1)[0] if begin >= 0 else ""
    line = text[:begin].count("\n") + 1
    rows = {}
    for at, row in enumerate(part.split("\n")):
        match = re.match(r"\| `([a-z-]+)` \|(.*)\|$", row)
        if match:
            rows[match.group(1)] = (line + at, re.split(r" \| ", match.group(2)))
    return rows


def rule_runbook(tree):
    text = tree.read(RUNBOOK)
    errors, others = {}, {}
    for path in tree.having(".c"):
        if path.startswith("lockd/"):
            code = tree.read(path)
            errors.update((name, path) for name in ERROR.findall(code))
            others.update((name, path) for name in OTHER.findall(code))
    conditions = dict.fromkeys(re.findall(r'\{"([a-z-]+)",', tree.read(CONDITIONS)), CONDITIONS)
    conditions["unknown"] = CONDITIONS
    breaches = []
    for wanted, table in ((conditions, "conditions"), (errors, "errors")):
        rows = rows_of(text, TABLES[table])
        for name in sorted(wanted.keys() - rows.keys()):
            breaches.append(f"{wanted[name]}:1: {name} is not in the table of {table} in {RUNBOOK}")
        for name in sorted(rows.keys() - wanted.keys()):
            breaches.append(f"{RUNBOOK}:{rows[name][0]}: lockd has no {name}")
        for name, (line, cells) in rows.items():
            if name != "unknown" and not all(cell.strip() for cell in cells):
                breaches.append(f"{RUNBOOK}:{line}: {name} lacks a cell")
    for name in sorted(others):
        if f"`{name}`" not in text:
            breaches.append(f"{others[name]}:1: {name} is not in {RUNBOOK}")
    return len(conditions) + len(errors) + len(others), breaches, 1
