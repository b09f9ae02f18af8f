"""bench/runs/compare: its arguments, its medians, its table. Nothing is started."""
import contextlib
import importlib.machinery
import importlib.util
import io
import sys
import unittest

sys.dont_write_bytecode = True


def load(path):
    loader = importlib.machinery.SourceFileLoader("compare", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("compare", loader))
    loader.exec_module(module)
    return module


compare = load(sys.argv.pop(1))


def run(system, rate, inflight=8, workload="uncontended", p50=1000):
    ranks = {"p50": p50, "p90": 2, "p99": 3_000_000, "p99_9": 4, "max": 5}
    side = {"per_second": rate // 2, "latency_ns": ranks}
    return {"system": system, "round": 1, "workload": workload, "inflight": inflight,
            "report": {"acquire": side, "release": side, "together": {"per_second": rate}}}


class Arguments(unittest.TestCase):
    def test_defaults_are_all_systems(self):
        settings = compare.parse_arguments([])
        self.assertEqual(settings.systems, list(compare.SYSTEMS))
        self.assertEqual(settings.inflight, [1, 8, 64, 256, 1024])
        self.assertEqual((settings.rounds, settings.time), (3, "5s"))

    def test_lists_are_taken_apart(self):
        settings = compare.parse_arguments(
            ["--systems", "redis,lockd", "--inflight", "1,64", "--workloads", "contended"])
        self.assertEqual(settings.systems, ["redis", "lockd"])
        self.assertEqual(settings.inflight, [1, 64])
        self.assertEqual(settings.workloads, ["contended"])

    def test_nonsense_is_refused(self):
        for wrong in (["--systems", "consul"], ["--systems", "lockd,lockd"], ["--systems", ""],
                      ["--inflight", "0"], ["--inflight", "1,,8"], ["--inflight", "-3"],
                      ["--rounds", "0"], ["--round", "1"], ["--workloads", "mixed"]):
            with self.assertRaises(SystemExit) as caught, \
                    contextlib.redirect_stderr(io.StringIO()):
                compare.parse_arguments(wrong)
            self.assertEqual(caught.exception.code, 2, wrong)


class Medians(unittest.TestCase):
    def test_median_and_ratio_of_each_point(self):
        runs = [run("lockd", 900), run("redis", 100), run("lockd", 1200), run("redis", 400),
                run("lockd", 60), run("redis", 300)]
        ours, theirs = compare.medians(runs)
        self.assertEqual((ours["system"], ours["per_second"]), ("lockd", 900))
        self.assertEqual((ours["least"], ours["greatest"]), (60, 1200))
        self.assertEqual(ours["lockd_is_times"], 1)
        self.assertEqual((theirs["system"], theirs["per_second"]), ("redis", 300))
        self.assertEqual(theirs["lockd_is_times"], 3)

    def test_handoffs_are_the_acquires(self):
        rows = compare.medians([run("lockd", 900, workload="contended")])
        self.assertEqual(rows[0]["per_second"], 450)

    def test_points_are_not_mixed(self):
        rows = compare.medians([run("lockd", 10, 1), run("lockd", 20, 8),
                                run("redis", 5, 1), run("redis", 40, 8)])
        self.assertEqual([row["lockd_is_times"] for row in rows], [1, 1, 2, 0.5])

    def test_without_lockd_there_is_no_ratio(self):
        rows = compare.medians([run("redis", 10)])
        self.assertIsNone(rows[0]["lockd_is_times"])
        self.assertIn(" - ", compare.table(rows))


class Table(unittest.TestCase):
    def test_lines_of_one_point(self):
        text = compare.table(compare.medians([run("lockd", 900), run("redis", 300)]))
        lines = text.split("\n")
        self.assertEqual(lines[0], "Own locks: acquires and releases per second, 8 in flight")
        self.assertEqual(lines[3].split(), ["lockd", "900", "900..900", "1", "x", "1.00us",
                                            "3.00ms", "4ns", "1.00us", "3.00ms"])
        self.assertEqual(lines[4].split()[:5], ["redis", "300", "300..300", "3", "x"])

    def test_durations_have_three_digits(self):
        told = [compare.duration(ns) for ns in (0, 999, 1000, 12345, 123456, 7.5e6, 10**10)]
        self.assertEqual(told, ["0ns", "999ns", "1.00us", "12.3us", "123us", "7.50ms", "10.0s"])


if __name__ == "__main__":
    unittest.main()
