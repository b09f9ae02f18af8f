"""The report of a run, as text."""

import collections
import json

from rig.machine import EPOCH

VERDICTS = {0: "valid", 1: "VIOLATION", 2: "bad input", 3: "undecided",
            4: "too little evidence", 5: "the two engines differ"}


def fault_lines(rig):
    groups = collections.defaultdict(list)
    for fault in rig.faults():
        groups[fault.kind].append(fault)
    for kind, faults in sorted(groups.items()):
        met = sum(fault.met for fault in faults)
        seconds = sum((fault.end or rig.ended) - fault.begin for fault in faults)
        yield f"    {kind:<16} {len(faults):4} {met:5} {seconds:9.1f} s"


def leader_lines(rig):
    for when, node, term in sorted(rig.cluster.leaders, key=lambda l: l[0]):
        yield f"    {when - EPOCH:8.2f}  {node.name} leads term {term}"


def figures(rig, result):
    """The same for programs, as JSON."""
    evidence = result.evidence
    done = {"seed": rig.seed, "nodes": len(rig.cluster.nodes), "seconds": rig.seconds,
            "network": rig.network.kind, "verdict": result.word(),
            "faults": collections.Counter(f.kind for f in rig.faults()),
            "met": collections.Counter(f.kind for f in rig.faults() if f.met),
            "leaders": len(rig.cluster.leaders), "sectors_lost": rig.sectors_lost,
            "progress": result.progress, "complaints": result.complaints,
            "missing": result.missing}
    if evidence:
        done |= {"operations": evidence.operations, "grants": evidence.grants,
                 "hand_overs": evidence.hand_overs, "unknown": evidence.unknown(),
                 "expired": evidence.expired()}
    return json.dumps(done, indent=1) + "\n"


def text(rig, result):
    evidence = result.evidence
    lines = [f"lockd under faults: {len(rig.cluster.nodes)} nodes, {rig.seconds:.0f} s, "
             f"seed {rig.seed}, network {rig.network.kind}", ""]
    if rig.node_flags:
        lines += [f"settings          {' '.join(rig.node_flags)}", ""]
    lines += ["faults            times   met     total"] + list(fault_lines(rig)) + [""]
    lines += [f"leaders           {len(rig.cluster.leaders)}"]
    lines += list(leader_lines(rig)) + [""]
    if evidence:
        lines += [f"operations        {evidence.operations}",
                  f"grants            {evidence.grants}",
                  f"hand-overs        {evidence.hand_overs}",
                  f"unknown           {evidence.unknown()}",
                  f"lost sessions     {evidence.expired()}",
                  f"longest gap       {evidence.longest_gap / 1e9:.2f} s without a grant"]
        for (op, res), count in sorted(evidence.results.items()):
            lines.append(f"    {op:<10} {res:<10} {count:9}")
    if result.progress is not None:
        lines.append(f"after healing     a fresh client had a lock after "
                     f"{result.progress:.2f} s")
    lines.append(f"packets           {result.packets}")
    if rig.sectors_lost:
        lines.append(f"power             {rig.sectors_lost} sectors lost")
    for what, count in sorted(collections.Counter(rig.notes).items()):
        lines.append(f"    {what}: {count} times")
    if result.skipped:
        lines += ["", "not possible on this machine"]
        lines += [f"    {why}" for why in result.skipped]
    if result.check_output:
        lines += ["", "lockcheck"] + [f"    {l}" for l in result.check_output.splitlines()[:60]]
    if result.complaints:
        lines += ["", "wrong"] + [f"    {what}" for what in result.complaints]
    if result.missing:
        lines += ["", "not enough seen"] + [f"    {what}" for what in result.missing]
    lines += ["", f"verdict           {result.word()}"]
    return "\n".join(lines) + "\n"
