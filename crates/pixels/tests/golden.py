"""Writes what Pillow makes of generated pictures: `python3 golden.py > golden.json`, with Pillow installed.

The picture is a formula (`picture` in golden.rs is the same), so only sizes and hashes are kept.
"""

import hashlib
import json

import PIL
from PIL import Image

FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC, "lanczos": Image.Resampling.LANCZOS}
SIZES = [
    ((1440, 900), (1428, 896)),  # Fara-7B
    ((1440, 900), (1440, 896)),  # Fara1.5: one side stays
    ((1280, 720), (1288, 728)),  # larger
    ((1920, 1080), (420, 252)),  # much smaller
    ((61, 43), (28, 56)),
    ((7, 5), (56, 84)),  # much larger
    ((64, 64), (64, 64)),
]


def picture(width, height):
    """Edges, slopes and noise: what screenshots are made of."""
    out = bytearray()
    for y in range(height):
        for x in range(width):
            noise = (x * 2654435761 + y * 2246822519) % 4294967296 >> 24
            stripe = 255 if (x // 3 + y // 5) % 2 else 0
            slope = (x * 255) // max(width - 1, 1)
            out += bytes([stripe, slope, noise])
    return Image.frombytes("RGB", (width, height), bytes(out))


cases = []
for old, new in SIZES:
    for name, filter in FILTERS.items():
        resized = picture(*old).resize(new, filter)
        cases.append({"old": old, "new": new, "filter": name, "sha256": hashlib.sha256(resized.tobytes()).hexdigest()})
lines = ",\n".join(json.dumps(case) for case in cases)
print(f'{{"pillow": "{PIL.__version__}", "cases": [\n{lines}\n]}}')
