"""The peer of `wayfarer-loadtest engine`: transformers on the same checkpoint, the same conversations, as many threads.

Reads one JSON object a line, {"text": ..., "pictures": [paths], "new": n}, and answers {"first_ms": ..., "whole_ms": ..., "prompt_tokens": ...}.
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

folder, threads = sys.argv[1], int(sys.argv[2])
torch.set_num_threads(threads)
template = jinja2.Environment(trim_blocks=True, lstrip_blocks=True).from_string(
    json.load(open(f"{folder}/tokenizer_config.json"))["chat_template"]
)
tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
processor = Qwen2VLImageProcessor.from_pretrained(folder)
model = Qwen2_5_VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()


class First(LogitsProcessor):
    """Notes when the first logits are there."""

    def __init__(self):
        self.at = None

    def __call__(self, ids, scores):
        self.at = self.at or time.perf_counter()
        return scores


def answer(question):
    start = time.perf_counter()
    content = [{"type": "image"} for _ in question["pictures"]] + [{"type": "text", "text": question["text"]}]
    text = template.render(messages=[{"role": "user", "content": content}], add_generation_prompt=True)
    inputs = {}
    if question["pictures"]:
        features = processor(images=[Image.open(path).convert("RGB") for path in question["pictures"]], return_tensors="pt")
        inputs = dict(pixel_values=features["pixel_values"], image_grid_thw=features["image_grid_thw"])
        for grid in features["image_grid_thw"]:
            text = text.replace("<|image_pad|>", "<|video_pad|>" * int(grid.prod() // 4), 1)
        text = text.replace("<|video_pad|>", "<|image_pad|>")
    ids = torch.tensor([tokenizer.encode(text, add_special_tokens=False).ids])
    if question["pictures"]:
        inputs["mm_token_type_ids"] = (ids == tokenizer.token_to_id("<|image_pad|>")).long()
    first = First()
    with torch.inference_mode():
        model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=question["new"], min_new_tokens=question["new"], do_sample=False,
            pad_token_id=0, logits_processor=LogitsProcessorList([first]), **inputs,
        )
    end = time.perf_counter()
    return {"first_ms": (first.at - start) * 1000, "whole_ms": (end - start) * 1000, "prompt_tokens": ids.shape[1]}


print(json.dumps({"version": __import__("transformers").__version__, "torch": torch.__version__}), flush=True)
for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
