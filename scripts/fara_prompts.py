#!/usr/bin/env python3
"""Writes the words that Fara was trained with as a file for `wayfarer agent --prompts`, from the published package.

    pip install "fara @ git+https://github.com/microsoft/fara"    (or: run this inside of a clone, with PYTHONPATH=src)
    scripts/fara_prompts.py fara-7b > fara-7b.toml
    scripts/fara_prompts.py fara-1.5 > fara-1.5.toml

The words are theirs, so they are not part of Wayfarer: this asks their own code for them.
"""

import importlib
import json
import sys

SIZE = (1440, 900)
PROCESSOR = {"min_pixels": 3136, "max_pixels": 12845056, "merge_size": 2}
# where the package has had them, newest first
FARA_7B = [("fara.fara_7b._prompts", "fara.fara_7b.fara_agent"), ("fara._prompts", "fara.fara_agent")]
FARA_15 = [("fara.agents.fara._prompts", "fara.agents.fara.fara15_agent")]


class Picture:
    """All that their code asks of a screenshot is its size."""

    width, height = SIZE


def load(places):
    missing = []
    for prompts, agent in places:
        try:
            return importlib.import_module(prompts), importlib.import_module(agent)
        except ModuleNotFoundError as error:
            missing.append(f"{prompts}: {error}")
    sys.exit("the published package is not installed, or is built otherwise than this script knows:\n  " + "\n  ".join(missing))


def words(profile):
    if profile == "fara-7b":
        prompts, agent = load(FARA_7B)
        told = prompts.get_computer_use_system_prompt(Picture, {**PROCESSOR, "patch_size": 14}, include_input_text_key_args=True)
        return told, agent.FaraAgent.USER_MESSAGE
    prompts, agent = load(FARA_15)
    config = agent.Fara15AgentConfig
    defaults = {name: getattr(field, "default", field) for name, field in getattr(config, "model_fields", vars(config)).items()}
    told = prompts.get_computer_use_system_prompt(
        Picture,
        {**PROCESSOR, "patch_size": 16},
        mode=defaults["computer_use_mode"],
        include_input_text_key_args=True,
        fn_call_template=defaults["fn_call_template"],
        randomize=False,
        display_size=agent.Fara15Agent.DISPLAY_SIZE,
        identity=defaults["identity"],
        critical_points=defaults["critical_points"],
    )
    return told, agent.Fara15Agent.USER_MESSAGE


def main():
    if len(sys.argv) != 2 or sys.argv[1] not in ("fara-7b", "fara-1.5"):
        sys.exit(__doc__)
    told, next_turn = words(sys.argv[1])
    parts = [part["text"] for message in told["conversation"] for part in message["content"]]
    # a string of JSON is a string of TOML
    print(f"system = {json.dumps(''.join(parts))}")
    print(f"next = {json.dumps(next_turn)}")


main()
