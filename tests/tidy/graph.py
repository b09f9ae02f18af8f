"""Who calls whom, read from compiled objects.

An arrow goes from one file to another when the object of the first has an undefined symbol that
the object of the second defines: a function that it calls or whose address it takes, or data.
What an inline function of a header calls counts for each file that uses it. Calls through
function pointers are not seen, so a file may hand one of its own functions to a file below it,
which calls back; taking the address of a function above is an arrow like a call.

The objects are made for this with the commands of compile_commands.json, in a temporary folder.
"""

import os
import shlex
import tempfile

from tree import in_parallel, run, shipped


def command_for_calls(entry, target):
    """How the build compiles a file, without what depends on how fast or how checked it is to
    be: link time optimization would hide the symbols, inlining hides none of other objects."""
    words = [w for w in shlex.split(entry["command"]) if os.path.basename(w) != "ccache"]
    kept = [words[0], "-O0", "-w", "-c", entry["file"], "-o", target]
    for place, word in enumerate(words):
        if word in ("-include", "-isystem", "-I", "-D"):
            kept += words[place:place + 2]
        elif word.startswith(("-I", "-D", "-std=")):
            kept.append(word)
    return kept


def linked_symbols(job):
    """([breach], defined, undefined) of one file: what the linker would see of its object."""
    entry, path, target = job
    done = run(command_for_calls(entry, target), cwd=entry["directory"])
    if done.returncode != 0:
        return [f"{path}:1: does not compile:\n{done.stdout}"], set(), set()
    defined, undefined = set(), set()
    for line in run(["nm", target]).stdout.splitlines():
        kind, name = line.split()[-2:]
        if kind in "Uwv":
            undefined.add(name)
        elif kind.isupper():
            defined.add(name)
    return [], defined, undefined


def product_sources(tree):
    return [p for p in tree.having(".c") if p.startswith(("lockd/", "liblock/", "bench/"))]


def arrows_of(tree):
    """(breaches, {(from, to): symbols}): who refers to what is defined in which other file."""
    database = tree.build and tree.build / "compile_commands.json"
    if not database or not database.exists():
        return ["compile_commands.json:1: missing, give --build"], {}
    entries = {}
    for entry in shipped(database):
        entries.setdefault(entry["file"], entry)
    paths = product_sources(tree)
    breaches = [f"{path}:1: is not in the build" for path in paths
                if str(tree.root / path) not in entries
                and not path.startswith("bench/peers/")]  # They need others' libraries.
    paths = [path for path in paths if str(tree.root / path) in entries]
    with tempfile.TemporaryDirectory() as folder:
        results = in_parallel(linked_symbols, [
            (entries[str(tree.root / path)], path,
             os.path.join(folder, path.replace("/", "__") + ".o")) for path in paths])
    homes = {}
    for path, (found, defined, _) in zip(paths, results):
        breaches += found
        for name in defined:
            homes.setdefault(name, []).append(path)
    arrows = {}
    for path, (_, _, undefined) in zip(paths, results):
        for name in undefined & homes.keys():
            # Programs may have functions of one name; each calls that of its own folder.
            own = [h for h in homes[name] if os.path.dirname(h) == os.path.dirname(path)]
            for home in own or homes[name]:
                arrows.setdefault((path, home), set()).add(name)
    return breaches, arrows


def components(nodes, arrows):
    """Strongly connected components in the order callees first [Tarjan], as lists."""
    below = {node: sorted(b for a, b in arrows if a == node) for node in nodes}
    order, low, stack, found = {}, {}, [], []

    def visit(node):
        order[node] = low[node] = len(order)
        stack.append(node)
        for other in below[node]:
            if other not in order:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], order[other])
        if low[node] == order[node]:
            place = stack.index(node)
            found.append(sorted(stack[place:]))
            del stack[place:]

    for node in nodes:
        if node not in order:
            visit(node)
    return found


def floors_of(rings, arrows):
    """How many floors a folder has: a file stands one above the highest file that it calls."""
    floor = {}
    for ring in rings:
        below = [floor[b] for a, b in arrows if a in ring and b not in ring]
        floor.update({node: max(below, default=0) + 1 for node in ring})
    return max(floor.values())
