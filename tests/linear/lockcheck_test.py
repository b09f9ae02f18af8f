"""The command lockcheck as people and scripts meet it.

    lockcheck_test.py --root DIR --lockcheck FILE --maker FILE

Exit codes, messages, what --json and --svg hold, and the session in lockd/doc/history.md, which is
done word for word: what it shows with `cat` is written to a file, all else is run and must say
what the document says.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree

OPTIONS = argparse.Namespace()
HEADER = '{"format":"lockhist/1","defaults":{"ttl":1000000000}}\n'
SVG = "{http://www.w3.org/2000/svg}"


def line(proc, call, ret, token, op="acquire", res="ok", lock="a"):
    fields = {"proc": proc, "op": op, "lock": lock, "session": proc, "call": call, "ret": ret,
              "res": res}
    return json.dumps(fields | ({"token": token} if token else {})) + "\n"


VALID = HEADER + line(1, 0, 10, 1) + line(1, 20, 30, 1, "release") + line(2, 40, 50, 2)
WRONG = HEADER + line(1, 0, 10, 1) + line(2, 40, 50, 2) + line(3, 60, 70, None, "try", "held")


class Lockcheck(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)
        self.write("valid", VALID)
        self.write("wrong", WRONG)

    def write(self, name, text):
        (self.folder / name).write_text(text, encoding="utf-8")

    def run_it(self, *arguments, **options):
        return subprocess.run([OPTIONS.lockcheck, *arguments], cwd=self.folder, text=True,
                              capture_output=True, check=False, **options)

    def expect(self, code, out, err, *arguments, **options):
        done = self.run_it(*arguments, **options)
        self.assertEqual(done.returncode, code, done)
        self.assertRegex(done.stdout, out)
        self.assertRegex(done.stderr, err)
        return done

    def test_exit_codes(self):
        self.write("bad", HEADER + "{}\n")
        self.expect(0, r"valid: valid\n$", "^$", "valid")
        self.expect(1, r"wrong: violation\n$", "^$", "wrong")
        self.expect(2, "^$", 'bad: line 2: .*field "proc" is missing', "bad")
        self.expect(4, "too little evidence", "^$", "--min-grants", "3", "valid")
        self.expect(1, "valid: valid(.|\n)*wrong: violation", "bad: line 2", "valid", "bad", "wrong")
        self.expect(2, "valid: valid", "bad: line 2", "valid", "bad")
        self.expect(0, "-: valid", "^$", "-", input=VALID)

    def test_messages(self):
        self.write("empty", "")
        self.expect(2, "^$", "no file is given(.|\n)*usage:")
        self.expect(2, "^$", "--frob: no such option", "--frob", "valid")
        self.expect(2, "^$", "--min-grants needs a value", "--min-grants")
        self.expect(2, "^$", '"x" is not a number', "--min-grants=x", "valid")
        self.expect(2, "^$", "is not a number from 0 to 1000000", "--drift-ppm=1000001", "valid")
        self.expect(2, "^$", "--json takes no value", "--json=yes", "valid")
        self.expect(2, "^$", "one history", "--svg", "s", "valid", "wrong")
        self.expect(2, "^$", "one history", "--window", "w", "valid", "wrong")
        self.expect(2, "^$", "one history", "--window", "w", "valid", "wrong")
        self.expect(2, "^$", "can be read only once", "-", "-")
        self.expect(2, "^$", "missing: cannot be read: No such file", "missing")
        self.expect(2, "^$", r"\.: is a directory", ".")
        self.expect(2, "^$", "empty: line 1: the history is empty", "empty")
        self.expect(2, "wrong: violation", "no/s: cannot be written", "--svg=no/s", "wrong")
        self.write("--odd", VALID)
        self.expect(0, "--odd: valid", "^$", "--", "--odd")

    def test_help_and_version(self):
        self.expect(0, "usage: lockcheck(.|\n)*--svg", "^$", "--help")
        self.expect(0, r"^lockcheck \d+\.\d+\.\d+\n$", "^$", "--version")
        self.expect(1, "^$", "^$", "--quiet", "wrong")

    def test_output_that_is_not_read(self):
        """The verdict stands; there is no noise."""
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run([OPTIONS.lockcheck, "wrong"], cwd=self.folder, stdout=writing,
                              stderr=subprocess.PIPE, check=False)
        os.close(writing)
        self.assertEqual((done.returncode, done.stderr), (1, b""))
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([OPTIONS.lockcheck, "wrong"], cwd=self.folder, stdout=full,
                                  stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"cannot write", done.stderr)

    def test_json(self):
        report = json.loads(self.run_it("--json", "wrong", "valid", "missing").stdout)
        self.assertEqual((report["verdict"], report["exit"]), ("violation", 1))
        wrong, valid, missing = report["files"]
        self.assertEqual(valid["verdict"], "valid")
        self.assertEqual(valid["windows"], [])
        self.assertIn("No such file", missing["error"])
        window = wrong["windows"][0]
        self.assertEqual((window["rule"], window["lines"]), ("exclusion", [2, 3]))
        self.assertTrue(window["smallest"] and window["alone"])
        self.assertIn("linearizability", window["also"])
        alone = "".join(json.dumps(entry) + "\n" for entry in window["history"])
        self.expect(1, "exclusion", "^$", "-", input=alone)

    def test_a_window_is_a_history(self):
        self.write("longer", WRONG.replace("try", "query").replace("held", "fail"))
        self.expect(1, "exclusion", "^$", "--window=w", "longer")
        self.assertEqual((self.folder / "w").read_text(encoding="utf-8").count("\n"), 3)
        self.expect(1, "exclusion", "^$", "w")
        self.expect(0, "valid", "^$", "--window=none", "valid")
        self.assertFalse((self.folder / "none").exists())

    def test_a_window_is_a_history(self):
        """The refused try is not needed."""
        self.expect(1, "exclusion", "^$", "--window=w", "wrong")
        self.assertEqual((self.folder / "w").read_text(encoding="utf-8").count("\n"), 3)
        self.expect(1, "exclusion", "^$", "w")
        self.expect(0, "valid", "^$", "--window=none", "valid")
        self.assertFalse((self.folder / "none").exists())

    def test_big_history(self):
        """One release too many among ten thousand operations is shown by a few of them."""
        made = subprocess.run([OPTIONS.maker, "10000", "fenced", "16", "5", "7"], text=True,
                              capture_output=True, check=True).stdout.splitlines()
        place = next(i for i in range(7000, len(made)) if '"op":"release"' in made[i]
                     and '"res":"ok"' in made[i])
        made[place] = made[place].replace('"res":"ok"', '"res":"not_owner"')
        self.write("big", "\n".join(made) + "\n")
        report = json.loads(self.run_it("--json", "big").stdout)["files"][0]
        self.assertEqual(report["verdict"], "violation")
        window = report["windows"][0]
        self.assertIn(place + 1, window["lines"])
        self.assertLessEqual(len(window["lines"]), 6)

    def read_svg(self, history):
        self.write("drawn", history)
        self.run_it("--svg", "s.svg", "drawn")
        return xml.etree.ElementTree.parse(self.folder / "s.svg").getroot()

    def texts(self, root):
        return [element.text for element in root.iter(SVG + "text")]

    def test_svg(self):
        root = self.read_svg(WRONG)
        texts = self.texts(root)
        self.assertIn("drawn: violation", texts)
        self.assertIn('acquire "a" token 2', texts)
        self.assertIn("process 1", texts)
        self.assertIn("what breaks the rule", texts)
        bars = [group for group in root.iter(SVG + "g")]
        self.assertEqual(len(bars), 2)
        for group in bars:
            self.assertIn("#b00020", xml.etree.ElementTree.tostring(group, "unicode"))
        self.assertFalse(list(root.iter(SVG + "script")))
        self.assertIn("drawn: valid", self.texts(self.read_svg(VALID)))
        self.read_svg(HEADER)

    def test_svg_of_odd_names(self):
        """Long names, what XML reserves, what it cannot have; and an end that nobody knows."""
        name = 'x<&>"\u0001\u00fc' + "y" * 300
        history = HEADER + line(1, 0, 10, 1, lock=name) + line(2, 5, None, None, res="info", lock=name)
        root = self.read_svg(history)
        self.assertEqual(len(list(root.iter(SVG + "path"))), 1)
        label = next(text for text in self.texts(root) if text and text.startswith("acquire"))
        self.assertIn('x<&>"\ufffd\u00fcy', label)
        self.assertLess(len(label), 60)
        left = [float(e.get("x")) + 6 * len(e.text) for e in root.iter(SVG + "text") if e.text]
        self.assertLess(max(left), float(root.get("width")) + 1)

    def test_the_session_in_the_document(self):
        text = pathlib.Path(OPTIONS.root, "lockd/doc/history.md").read_text(encoding="utf-8")
        section = re.search(r"^## An example\n(.*?)^## ", text, re.M | re.S)[1]
        shown = "".join(l[4:] + "\n" for l in section.splitlines() if l.startswith("    "))
        steps = re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", shown, re.M)
        self.assertGreaterEqual(len(steps), 4)
        path = f"{pathlib.Path(OPTIONS.lockcheck).parent}:{os.environ['PATH']}"
        for command, output in steps:
            if command.startswith("cat "):
                self.write(command[4:], output)
                continue
            done = subprocess.run(["bash", "-c", command], cwd=self.folder, text=True,
                                  env=dict(os.environ, PATH=path), stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, check=False)
            self.assertEqual(done.stdout, output, command)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", required=True)
    parser.add_argument("--lockcheck", required=True)
    parser.add_argument("--maker", required=True)
    _, rest = parser.parse_known_args(namespace=OPTIONS)
    unittest.main(argv=["lockcheck_test.py", *rest])


if __name__ == "__main__":
    main()
