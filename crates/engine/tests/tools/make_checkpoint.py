#!/usr/bin/env python3
"""Makes a Qwen2.5-VL checkpoint with random weights, in the layout of the Hugging Face hub, and what transformers makes of it.

    pip install torch==2.11.0 transformers==5.17.0 pillow numpy
    python make_checkpoint.py OUT [--size tiny|small|demo|fara-7b] [--dtype bf16|f32] [--seed 0] [--device cpu|cuda] [--no-reference]

Weights are rounded to the precision in which they are written before anything is computed with them; everything is computed in f32.
Besides the checkpoint: pictures, `cases.json` (conversations, their tokens, greedy answers) and `reference.safetensors` (vision tokens, logits
of the last positions).
"""

import argparse
import hashlib
import json
import math
import os

import numpy
import torch
from PIL import Image, ImageDraw
from safetensors.torch import save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, Qwen2VLImageProcessor

# hidden, layers, heads, heads of keys, feed-forward; the same of the vision tower, and its layers that see everything
SIZES = {
    "tiny": (64, 2, 4, 2, 128, 32, 3, 2, 64, [2]),
    "small": (128, 4, 4, 2, 384, 128, 4, 4, 384, [1, 3]),
    "demo": (384, 8, 6, 2, 1024, 256, 6, 4, 704, [2, 5]),
    # Fara-7B's shape, which is Qwen2.5-VL-7B's: 8.3 billion weights
    "fara-7b": (3584, 28, 28, 4, 18944, 1280, 32, 16, 3420, [7, 15, 23, 31]),
}
# words of the last one, whatever the tokenizer has
VOCABULARY = 152_064
# bytes of a file of weights, at most
SHARD = 4 << 30
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
WORDS = ["<tool_call>", "</tool_call>"]
# how the family cuts text before its merges: contractions, letters, single digits, signs, space
PIECES = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
TEMPLATE = """{%- if messages[0].role != 'system' %}<|im_start|>system
You see and act.<|im_end|>
{% endif %}
{%- for message in messages %}
<|im_start|>{{ message.role }}
{% if message.content is string %}{{ message.content }}{% else %}
{%- for part in message.content %}
{%- if part.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part.text }}{% endif %}
{%- endfor %}
{%- endif %}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
CORPUS = [
    '{"name": "computer_use", "arguments": {"action": "left_click", "coordinate": [123, 456]}}',
    "Click the button, type the words, scroll down, go back. The page shows a cart with two mugs and a table for four.",
    "Straße, façade, 東京, 价格, naïve café",
]


def make_tokenizer(out):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    cut = pre_tokenizers.Split(Regex(PIECES), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([cut, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(CORPUS * 50, trainer)
    tokenizer.add_special_tokens([AddedToken(word, special=True, normalized=False) for word in SPECIAL])
    tokenizer.add_tokens([AddedToken(word, special=False, normalized=False) for word in WORDS])
    tokenizer.save(os.path.join(out, "tokenizer.json"))
    return tokenizer


def picture(width, height, seed):
    """Something like a page: blocks, lines and words."""
    random = numpy.random.default_rng(seed)
    colour = lambda: tuple(int(value) for value in random.integers(0, 256, 3))
    image = Image.new("RGB", (width, height), colour())
    draw = ImageDraw.Draw(image)
    for _ in range(12):
        x, y = int(random.integers(0, width)), int(random.integers(0, height))
        draw.rectangle([x, y, x + int(random.integers(8, 90)), y + int(random.integers(6, 40))], fill=colour(), outline=colour())
        draw.text((x + 3, y + 2), "Add to cart", fill=colour())
        draw.line([x, 0, 0, y], fill=colour())
    return image


def hub_name(name):
    if name.startswith("model.visual."):
        return name[len("model.") :]
    return name.replace("model.language_model.", "model.")


def make_model(size, dtype, tokenizer, device):
    hidden, layers, heads, kv, inner, v_hidden, v_layers, v_heads, v_inner, full = SIZES[size]
    token = tokenizer.token_to_id
    vocabulary = VOCABULARY if size == "fara-7b" else math.ceil(tokenizer.get_vocab_size() / 64) * 64
    pairs = hidden // heads // 2
    side = pairs * 3 // 8
    text = dict(
        vocab_size=vocabulary, hidden_size=hidden, intermediate_size=inner, num_hidden_layers=layers, num_attention_heads=heads,
        num_key_value_heads=kv, hidden_act="silu", max_position_embeddings=32768, rms_norm_eps=1e-6, rope_theta=1000000.0,
        rope_scaling={"type": "mrope", "mrope_section": [pairs - 2 * side, side, side]}, use_sliding_window=False,
        bos_token_id=token("<|endoftext|>"), eos_token_id=token("<|im_end|>"),
    )
    vision = dict(
        depth=v_layers, hidden_size=v_hidden, intermediate_size=v_inner, num_heads=v_heads, out_hidden_size=hidden, hidden_act="silu",
        in_channels=3, patch_size=14, spatial_merge_size=2, temporal_patch_size=2, tokens_per_second=2, window_size=112,
        fullatt_block_indexes=full,
    )
    ids = dict(
        image_token_id=token("<|image_pad|>"), video_token_id=token("<|video_pad|>"), vision_start_token_id=token("<|vision_start|>"),
        vision_end_token_id=token("<|vision_end|>"),
    )
    config = Qwen2_5_VLConfig(text_config=dict(text), vision_config=dict(vision), tie_word_embeddings=False, **ids)
    config._attn_implementation = "eager"
    with torch.device(device):
        model = Qwen2_5_VLForConditionalGeneration(config).eval()
    with torch.no_grad():
        for name, weights in model.named_parameters():
            # a gain near 1, so that logits differ enough for a fault to change a word
            if weights.ndim >= 2:
                weights.normal_(0, (1 if "embed_tokens" in name else weights.numel() // weights.shape[0]) ** -0.5)
            elif "norm" in name or "ln_q" in name:
                weights.copy_(1 + 0.1 * torch.randn_like(weights))
            else:
                weights.normal_(0, 0.1)
            weights.copy_(weights.to(dtype).float())
    said = dict(
        architectures=["Qwen2_5_VLForConditionalGeneration"], model_type="qwen2_5_vl", tie_word_embeddings=False,
        torch_dtype="bfloat16" if dtype == torch.bfloat16 else "float32", **text, **ids, vision_config=dict(model_type="qwen2_5_vl", **vision),
    )
    return model, said


def ends_of(tokenizer):
    return [tokenizer.token_to_id("<|im_end|>"), tokenizer.token_to_id("<|endoftext|>")]


def conversations():
    """Names of pictures stand for pictures."""
    user = lambda *parts: {"role": "user", "content": list(parts)}
    said = {"role": "assistant", "content": ["Ok.\n<tool_call>\n{\"name\": \"computer_use\"}\n</tool_call>"]}
    system = {"role": "system", "content": ["You click. It's 2 km to the façade of 東京 \U0001F642."]}
    return {
        "text": [user("Click the button")],
        "one": [system, user({"image": "a"}, "Click the button")],
        "two": [user({"image": "a"}, "go"), said, user({"image": "c"}, "scroll down")],
        "three": [user({"image": "a"}, "go"), said, user({"image": "c"}, "next"), said, user({"image": "d"}, "next")],
        "mixed": [user({"image": "a"}, "go"), said, user({"image": "b"}, "next"), said, user({"image": "resized"}, "next")],
        "resized": [user("Where is", {"image": "resized"}, "it?")],
        "together": [user({"image": "b"}, {"image": "a"}, "Which one?")],
    }


def references(out, model, tokenizer, new):
    import jinja2

    pictures = {name: picture(width, height, seed) for seed, (name, (width, height)) in enumerate(
        {"a": (196, 140), "b": (308, 252), "c": (196, 140), "d": (196, 140), "resized": (333, 217)}.items())}
    for name, image in pictures.items():
        image.save(os.path.join(out, f"{name}.png"), optimize=True)
    processor = Qwen2VLImageProcessor.from_pretrained(out)
    template = jinja2.Environment(trim_blocks=True, lstrip_blocks=True).from_string(TEMPLATE)
    cases, tensors = [], {}
    for name, messages in conversations().items():
        shown = [part["image"] for message in messages for part in message["content"] if isinstance(part, dict)]
        parts = lambda message: [{"type": "image"} if isinstance(part, dict) else {"type": "text", "text": part} for part in message["content"]]
        plain = lambda message: message["content"][0] if len(message["content"]) == 1 else parts(message)
        text = template.render(messages=[{"role": m["role"], "content": plain(m)} for m in messages], add_generation_prompt=True)
        inputs = {}
        case = {"name": name, "messages": messages, "pixels_sha256": None, "grids": []}
        if shown:
            features = processor(images=[pictures[image] for image in shown], return_tensors="pt")
            inputs = dict(pixel_values=features["pixel_values"].float(), image_grid_thw=features["image_grid_thw"])
            case["pixels_sha256"] = hashlib.sha256(features["pixel_values"].float().numpy().tobytes()).hexdigest()
            case["grids"] = features["image_grid_thw"].tolist()
            for grid in features["image_grid_thw"]:
                text = text.replace("<|image_pad|>", "<|video_pad|>" * int(grid.prod() // 4), 1)
            text = text.replace("<|video_pad|>", "<|image_pad|>")
        ids = torch.tensor([tokenizer.encode(text, add_special_tokens=False).ids])
        if shown:
            inputs["mm_token_type_ids"] = (ids == tokenizer.token_to_id("<|image_pad|>")).long()
        mask = torch.ones_like(ids)
        with torch.no_grad():
            logits = model(input_ids=ids, attention_mask=mask, **inputs).logits[0, -4:]
            whole = model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=new, do_sample=False, eos_token_id=ends_of(tokenizer), pad_token_id=0, **inputs)
            if shown:
                seen = model.model.visual(inputs["pixel_values"], grid_thw=inputs["image_grid_thw"])
                tensors[f"{name}.vision"] = (seen.pooler_output if hasattr(seen, "pooler_output") else seen).float().contiguous()
        tensors[f"{name}.logits"] = logits.float().contiguous()
        greedy = whole[0, ids.shape[1] :]
        margin = logits[-1].topk(2).values
        case |= {"tokens": ids[0].tolist(), "greedy": greedy.tolist(), "most": new, "words": tokenizer.decode(greedy.tolist(), skip_special_tokens=True)}
        cases.append(case)
        print(f"{name:8} {ids.shape[1]:4} tokens, logits {logits.std():.2f} wide, first choice ahead by {margin[0] - margin[1]:.3f}")
    save_file(tensors, os.path.join(out, "reference.safetensors"))
    with open(os.path.join(out, "cases.json"), "w") as file:
        json.dump(cases, file, ensure_ascii=False)


def save_weights(out, model, dtype):
    """One file, or several where one would be large."""
    files, size = [{}], 0
    for name, value in model.state_dict().items():
        weights = value.to(dtype).cpu().contiguous()
        if files[-1] and size + weights.nbytes > SHARD:
            files.append({})
            size = 0
        files[-1][hub_name(name)] = weights
        size += weights.nbytes
    names = ["model.safetensors"] if len(files) == 1 else [f"model-{i + 1:05}-of-{len(files):05}.safetensors" for i in range(len(files))]
    for name, weights in zip(names, files):
        save_file(weights, os.path.join(out, name), metadata={"format": "pt"})
    if len(files) > 1:
        index = {weight: name for name, weights in zip(names, files) for weight in weights}
        total = sum(weights.nbytes for part in files for weights in part.values())
        with open(os.path.join(out, "model.safetensors.index.json"), "w") as file:
            json.dump({"metadata": {"total_size": total}, "weight_map": index}, file)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("--size", default="tiny", choices=SIZES)
    parser.add_argument("--dtype", default="bf16", choices=["bf16", "f32"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--new", type=int, default=24, help="tokens of each greedy answer")
    parser.add_argument("--device", default="cpu", help="where weights are drawn")
    parser.add_argument("--no-reference", action="store_true")
    arguments = parser.parse_args()
    out = arguments.out
    os.makedirs(out, exist_ok=True)
    torch.manual_seed(arguments.seed)
    dtype = torch.bfloat16 if arguments.dtype == "bf16" else torch.float32
    tokenizer = make_tokenizer(out)
    model, said = make_model(arguments.size, dtype, tokenizer, arguments.device)
    write = lambda name, value: json.dump(value, open(os.path.join(out, name), "w"), indent=1)
    write("config.json", said)
    write("tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|im_end|>", "chat_template": TEMPLATE})
    ends = ends_of(tokenizer)
    write("generation_config.json", {"do_sample": False, "eos_token_id": ends, "pad_token_id": ends[1]})
    write("preprocessor_config.json", dict(
        min_pixels=3136, max_pixels=12845056, patch_size=14, temporal_patch_size=2, merge_size=2, do_resize=True, do_rescale=True,
        do_normalize=True, do_convert_rgb=True, resample=3, rescale_factor=1 / 255, image_processor_type="Qwen2VLImageProcessor",
        image_mean=[0.48145466, 0.4578275, 0.40821073], image_std=[0.26862954, 0.26130258, 0.27577711],
    ))
    save_weights(out, model, dtype)
    if not arguments.no_reference:
        references(out, model, tokenizer, arguments.new)
    print(f"{sum(weights.numel() for weights in model.parameters()) / 1e6:.2f} M weights in {out}")


main()
