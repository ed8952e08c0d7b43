"""Builds the requests of native agents a second time, from their description alone, to compare with what the program sends.

Reads {"cases": [...]} and writes the list of request bodies. It walks the whole conversation backwards for every request, as the published
harness does, where the program forgets as it goes; nothing is shared with it.
"""

import json
import sys


def address(url):
    bare = url.split("?")[0]
    return bare if len(bare) <= 100 else bare[:100] + " ..."


def pictures_in_window(window, shown):
    """How many of the newest pictures are in the prompt that shows the `shown`th one."""
    if window["kind"] == "slide":
        return min(window["images"], shown)
    inside = 0
    for _ in range(shown):
        inside = inside + 1 if inside < window["hi"] else window["lo"]
    return inside


def body(case):
    turns = []  # (role, words, picture, what stays of it without the picture)
    for event in case["events"]:
        if "said" in event:
            turns.append(("assistant", event["said"], None, None))
        elif "task" in event:
            turns.append(("user", event["task"], event["png"], event["task"]))
        else:
            line = "Current URL: " + address(event["look"]) + "\n"
            if event["user"] is not None:
                turns.append(("user", line + event["user"], event["png"], event["user"]))
            elif event["note"] is not None:
                turns.append(("user", line + event["note"] + "\n" + case["next"], event["png"], None))
            else:
                turns.append(("user", line + case["next"], event["png"], None))
    left = pictures_in_window(case["window"], sum(1 for turn in turns if turn[2]))
    backwards = []
    for role, words, picture, stays in reversed(turns):
        if role == "assistant":
            backwards.append({"role": role, "content": words})
        elif left > 0:
            left -= 1
            image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + picture}}
            backwards.append({"role": role, "content": [image, {"type": "text", "text": words}]})
        elif stays is not None:
            backwards.append({"role": role, "content": stays})
    messages = [{"role": "system", "content": case["system"]}] + backwards[::-1]
    out = {"model": case["model"], "messages": messages, "temperature": 0}
    if case["profile"] == "fara-1.5":
        out["stop"] = ["</tool_call>"]
        out["chat_template_kwargs"] = {"enable_thinking": False}
    return out


json.dump([body(case) for case in json.load(sys.stdin)["cases"]], sys.stdout)
