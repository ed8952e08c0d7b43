#!/usr/bin/env python3
"""Builds every test of the workspace, then runs the programs, as many at once as there are cores.

`cargo test` runs one after another, and most of them wait for a browser, a server or a lease for half of their time.

    scripts/run_tests.py                 all of them
    scripts/run_tests.py browser         those of packages or targets whose name holds the word
    scripts/run_tests.py --beside CMD    and this command beside them, as if it were one (may be repeated)

A line tells of each program when it ends; what one that failed said comes at the end. Ctrl-C ends them all.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOLD = ROOT / "target" / "tmp" / "tests"
# those that take minutes begin first, so that none of them is left alone at the end
LONG = ["sandbox report", "wayfarer/factory", "browser/egress", "wayfarer/worlds", "browser/conformance", "wayfarer/bad_input",
        "browser/session", "wayfarer/native", "browser/faults", "browser/gate", "websurfer/owners"]
# longer than any of them on a slow machine
LIMIT_S = 1800


def built():
    """Every test program: its name, and how it is run."""
    # without a word on which targets: examples are built too then, and one test runs one
    command = ["cargo", "test", "--workspace", "--locked", "--no-run", "--message-format=json-render-diagnostics"]
    building = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if building.returncode:
        sys.exit(building.returncode)
    for line in building.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable") and message.get("profile", {}).get("test"):
            folder = pathlib.Path(message["manifest_path"]).parent
            yield f"{folder.relative_to(ROOT)}/{message['target']['name']}", [message["executable"]], folder


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("words", nargs="*")
    arguments.add_argument("--beside", action="append", default=[], metavar="CMD")
    options = arguments.parse_args()

    tests = [test for test in built() if not options.words or any(word in test[0] for word in options.words)]
    tests += [(command, shlex.split(command), ROOT) for command in options.beside]
    if not tests:
        sys.exit("no test program's name holds " + " or ".join(options.words))
    gone = [word for word in LONG[1:] if not options.words and not any(word in test[0] for test in tests)]
    if gone:
        sys.exit(f"no test program's name holds {', '.join(gone)}: a suite that nobody runs would go unnoticed")
    rank = {name: place for place, name in enumerate(LONG)}
    tests.sort(key=lambda test: next((rank[word] for word in LONG if word in test[0]), len(LONG)))
    TOLD.mkdir(parents=True, exist_ok=True)
    running, lock, began = set(), threading.Lock(), time.monotonic()

    def run(test):
        name, command, folder = test
        said = TOLD / (re.sub(r"\W+", "-", name)[:60] + ".log")
        started = time.monotonic()
        with said.open("wb") as out:
            child = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
            with lock:
                running.add(child)
            try:
                code = child.wait(LIMIT_S)
            except subprocess.TimeoutExpired:
                child.kill()
                code = f"not done within {LIMIT_S} s"
            with lock:
                running.discard(child)
        passed = sum(map(int, re.findall(rb"test result: \w+\. (\d+) passed", said.read_bytes())))
        print(f"{'ok    ' if code == 0 else 'FAILED'} {name}: {passed} passed, {time.monotonic() - started:.0f} s", flush=True)
        return None if code == 0 else (name, code, said)

    # not one more: browsers that wait for a processor look hung to some tests
    pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1)
    try:
        failed = [failure for failure in pool.map(run, tests) if failure]
    except KeyboardInterrupt:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in list(running):
            child.terminate()
        sys.exit(130)
    for name, code, said in failed:
        print(f"\n== {name} ({code}), {said}")
        print(said.read_text(errors="replace"))
    print(f"{len(tests) - len(failed)} of {len(tests)} programs passed in {time.monotonic() - began:.0f} s")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
