#!/usr/bin/env python3
"""Reads attempts in the reference harness's layout and prints one JSON object a task, then one with the means.

Written from the description of the layout alone, so that it checks the writer: `read_harness.py RUN/harness`.
"""
import json
import sys
from pathlib import Path

ANSWER_FIELDS = {"final_answer", "env_state_json", "env_state_raw", "screenshots", "is_aborted", "is_rel_paths", "token_usage"}
PNG = b"\x89PNG\r\n\x1a\n"


def read_task(folder: Path) -> dict:
    answers = list(folder.glob("*_answer.json"))
    if len(answers) != 1:
        raise ValueError(f"{folder} holds {len(answers)} answer files instead of one")
    answer = json.loads(answers[0].read_text(encoding="utf-8"))
    if set(answer) != ANSWER_FIELDS:
        raise ValueError(f"{answers[0]} has the fields {sorted(answer)}")
    for usage in answer["token_usage"].values():
        if set(usage) != {"prompt_tokens", "completion_tokens"}:
            raise ValueError(f"{answers[0]} has the token fields {sorted(usage)}")
    for name in answer["screenshots"]:
        if not (folder / name).read_bytes().startswith(PNG):
            raise ValueError(f"{folder / name} is not a PNG")
    events = [json.loads(line) for line in (folder / "web_surfer.log").read_text(encoding="utf-8").splitlines()]
    arguments = [event["arguments"] for event in events if event.get("action") is not None]
    thoughts = [argument.pop("thoughts") for argument in arguments]
    times = json.loads((folder / "times.json").read_text(encoding="utf-8"))
    if abs(times["end_time"] - times["start_time"] - times["duration"]) > 0.01:
        raise ValueError(f"{folder}/times.json does not add up")
    data = json.loads((folder / "task_data.json").read_text(encoding="utf-8"))
    scores = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("scores/*.json"))}
    for score in scores.values():
        json.loads(score["gpt_response_text"])
    return {
        "task_id": folder.name,
        "task": data["task_summary"],
        "answer": answer["final_answer"],
        "is_aborted": answer["is_aborted"],
        "screenshots": len(answer["screenshots"]),
        "actions": arguments,
        "thoughts": thoughts,
        "duration": times["duration"],
        "scores": {name: score["score"] for name, score in scores.items()},
    }


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    folders = sorted(path for path in (Path(sys.argv[1]) / "traj").iterdir() if path.is_dir())
    tasks = [read_task(folder) for folder in folders]
    for task in tasks:
        print(json.dumps(task, ensure_ascii=False))
    scored = [score for task in tasks if not task["is_aborted"] for score in task["scores"].values()]
    mean = sum(scored) / len(scored) if scored else None
    print(json.dumps({"tasks": len(tasks), "scored": len(scored), "mean_score": mean}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
