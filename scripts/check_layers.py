"""Proves over `cargo metadata` that dependencies point down only, never sideways between services.

proto, core < crates < actors < services; sandbox uses core only; testkit is for tests; the binary and loadtest sit on top.
"""

import json
import pathlib
import subprocess
import sys

metadata = json.loads(subprocess.check_output(["cargo", "metadata", "--format-version=1", "--no-deps"]))
root = pathlib.Path(metadata["workspace_root"])
room = {}
for package in metadata["packages"]:
    folder = pathlib.Path(package["manifest_path"]).parent.relative_to(root)
    room[package["name"]] = str(folder)

MAY = {
    "proto": set(),
    "core": set(),
    "crates": {"proto", "core", "crates"},
    "actors": {"proto", "core", "crates"},
    "services": {"proto", "core", "crates", "actors"},
    "sandbox": {"core"},
    "top": {"proto", "core", "crates", "actors", "services", "sandbox"},
}


def layer(name):
    folder = room[name]
    if folder == "crates/core":
        return "core"
    if folder in ("services/wayfarer", "loadtest"):
        return "top"
    return folder.split("/")[0]


faults = []
for package in metadata["packages"]:
    name = package["name"]
    for dependency in package["dependencies"]:
        other = dependency["name"]
        if other not in room or dependency["kind"] == "dev" and layer(other) in ("crates", "core", "sandbox"):
            continue
        if layer(other) not in MAY[layer(name)] or other == "wayfarer-testkit":
            faults.append(f"{room[name]} must not depend on {room[other]}")

for fault in faults:
    print(fault, file=sys.stderr)
if faults:
    sys.exit(1)
print(f"layers: {len(room)} crates, all dependencies point down")
