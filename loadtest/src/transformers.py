"""The peer of `wayfarer-loadtest engine`: transformers on the same checkpoint, the same conversations, as many threads.

Reads one JSON object a line, {"questions": [{"text": ..., "pictures": [paths]}], "new": n}: conversations of the same length, answered as one
batch, or as several one after another where that does not fit. Answers {"first_ms": ..., "whole_ms": ..., "prompt_tokens": ..., "memory_mib":
..., "batches": ...}; the first token's time is the mean over all conversations. On a GPU the clock starts when the pictures are
ready, so that the processor, which is slow, does not count.
"""

import json
import sys
import time

import jinja2
import torch
from PIL import Image
from tokenizers import Tokenizer
from transformers import Qwen2_5_VLForConditionalGeneration, Qwen2VLImageProcessor
from transformers.generation import LogitsProcessor, LogitsProcessorList

folder, threads, device = sys.argv[1], int(sys.argv[2]), sys.argv[3]
torch.set_num_threads(threads)
template = jinja2.Environment(trim_blocks=True, lstrip_blocks=True).from_string(
    json.load(open(f"{folder}/tokenizer_config.json"))["chat_template"]
)
tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
processor = Qwen2VLImageProcessor.from_pretrained(folder)
model = Qwen2_5_VLForConditionalGeneration.from_pretrained(folder, dtype=torch.bfloat16 if device == "cuda" else torch.float32)
model = model.to(device).eval()


class First(LogitsProcessor):
    """Notes when the first logits are there."""

    def __init__(self):
        self.at = None

    def __call__(self, ids, scores):
        if device == "cuda" and not self.at:
            torch.cuda.synchronize()
        self.at = self.at or time.perf_counter()
        return scores


def answer(asked):
    start = time.perf_counter()
    questions = asked["questions"]
    pictures = [path for question in questions for path in question["pictures"]]
    inputs, grids = {}, iter(())
    if pictures:
        features = processor(images=[Image.open(path).convert("RGB") for path in pictures], return_tensors="pt")
        inputs = dict(pixel_values=features["pixel_values"].to(model.dtype), image_grid_thw=features["image_grid_thw"])
        grids = iter(features["image_grid_thw"])
    rows = []
    for question in questions:
        content = [{"type": "image"} for _ in question["pictures"]] + [{"type": "text", "text": question["text"]}]
        text = template.render(messages=[{"role": "user", "content": content}], add_generation_prompt=True)
        for _ in question["pictures"]:
            text = text.replace("<|image_pad|>", "<|video_pad|>" * int(next(grids).prod() // 4), 1)
        rows.append(tokenizer.encode(text.replace("<|video_pad|>", "<|image_pad|>"), add_special_tokens=False).ids)
    ids = torch.tensor(rows)
    if pictures:
        inputs["mm_token_type_ids"] = (ids == tokenizer.token_to_id("<|image_pad|>")).long()
    inputs |= dict(input_ids=ids, attention_mask=torch.ones_like(ids))
    first = First()
    if device == "cuda":
        inputs = {name: value.to(device) for name, value in inputs.items()}
        torch.cuda.synchronize()
        start = time.perf_counter()
    with torch.inference_mode():
        model.generate(
            max_new_tokens=asked["new"], min_new_tokens=asked["new"], do_sample=False, pad_token_id=0,
            logits_processor=LogitsProcessorList([first]), **inputs,
        )
    end = time.perf_counter()
    memory = torch.cuda.max_memory_allocated() / 2**20 if device == "cuda" else 0
    return {"first_ms": (first.at - start) * 1000, "whole_ms": (end - start) * 1000, "prompt_tokens": ids.shape[1], "memory_mib": memory, "batches": 1}


def answer_in_batches(asked):
    try:
        return answer(asked)
    except torch.OutOfMemoryError:
        questions = asked["questions"]
        if len(questions) == 1:
            raise
    torch.cuda.empty_cache()
    half = len(questions) // 2
    one, two = (answer_in_batches({"questions": part, "new": asked["new"]}) for part in (questions[:half], questions[half:]))
    shares = half / len(questions), 1 - half / len(questions)
    return {
        "first_ms": one["first_ms"] * shares[0] + (one["whole_ms"] + two["first_ms"]) * shares[1],
        "whole_ms": one["whole_ms"] + two["whole_ms"],
        "prompt_tokens": one["prompt_tokens"],
        "memory_mib": max(one["memory_mib"], two["memory_mib"]),
        "batches": one["batches"] + two["batches"],
    }


print(json.dumps({"version": __import__("transformers").__version__, "torch": torch.__version__}), flush=True)
for line in sys.stdin:
    print(json.dumps(answer_in_batches(json.loads(line))), flush=True)
