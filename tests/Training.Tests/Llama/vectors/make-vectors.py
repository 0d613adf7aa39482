# Copyright (c) FedCloud contributors. Licensed under the MIT License.
"""Writes small base models and what PyTorch makes of them, in binary64: python3 make-vectors.py FOLDER"""
import json
import math
import struct
import sys
from pathlib import Path

import torch
import torch.nn.functional as F

FOLDER = Path(sys.argv[1])
VOCABULARY = 37
INTERMEDIATE = 29
POSITIONS = 64
ATTENTION = ["k_proj", "o_proj", "q_proj", "v_proj"]
ALL = ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]
TYPES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}

# By wavelengths: two of the five frequencies stay, one is between, two are stretched.
STRETCH = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 100}

BASES = {
    "mha": dict(hidden=15, layers=1, heads=3, groups=3, width=6, tied=True, epsilon=0.02),
    "gqa": dict(hidden=13, layers=2, heads=3, groups=1, width=10, tied=False),
    "theta": dict(hidden=14, layers=1, heads=3, groups=1, width=6, tied=True, rope={"rope_parameters": {"rope_type": "default", "rope_theta": 75.0}}),
    "llama3": dict(hidden=11, layers=1, heads=6, groups=2, width=10, tied=False, rope={"rope_theta": 500.0, "rope_scaling": STRETCH}),
    "bf16": dict(hidden=13, layers=1, heads=3, groups=1, width=6, tied=False, epsilon=1e-3, type=torch.bfloat16),
    "f16": dict(hidden=13, layers=1, heads=3, groups=1, width=6, tied=True, epsilon=1e-3, type=torch.float16),
}


def config(hidden, layers, heads, groups, width, tied, epsilon=1e-5, rope={}, **_):
    return {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "vocab_size": VOCABULARY, "hidden_size": hidden,
        "intermediate_size": INTERMEDIATE, "num_hidden_layers": layers, "num_attention_heads": heads, "num_key_value_heads": groups, "head_dim": width,
        "max_position_embeddings": POSITIONS, "rms_norm_eps": epsilon, "tie_word_embeddings": tied, **rope,
    }


def normal(random, *shape):
    return torch.randn(*shape, generator=random, dtype=torch.float64)


def weights(c, random):
    """Large enough that attention is far from uniform and the gates are bent."""
    hidden, q, kv = c["hidden_size"], c["num_attention_heads"] * c["head_dim"], c["num_key_value_heads"] * c["head_dim"]
    linear = lambda rows, columns, gain=1.2: normal(random, rows, columns) * gain / math.sqrt(columns)
    w = {"model.embed_tokens.weight": normal(random, VOCABULARY, hidden) * 0.4}
    for l in range(c["num_hidden_layers"]):
        p = f"model.layers.{l}."
        w[p + "input_layernorm.weight"] = 1 + normal(random, hidden) * 0.3
        w[p + "post_attention_layernorm.weight"] = 1 + normal(random, hidden) * 0.3
        w[p + "self_attn.q_proj.weight"] = linear(q, hidden, 1.6)
        w[p + "self_attn.k_proj.weight"] = linear(kv, hidden, 1.6)
        w[p + "self_attn.v_proj.weight"] = linear(kv, hidden)
        w[p + "self_attn.o_proj.weight"] = linear(hidden, q)
        w[p + "mlp.gate_proj.weight"] = linear(INTERMEDIATE, hidden)
        w[p + "mlp.up_proj.weight"] = linear(INTERMEDIATE, hidden)
        w[p + "mlp.down_proj.weight"] = linear(hidden, INTERMEDIATE)
    w["model.norm.weight"] = 1 + normal(random, hidden) * 0.3
    if not c["tie_word_embeddings"]:
        w["lm_head.weight"] = linear(VOCABULARY, hidden)
    return w


def adapter(w, modules, rank, random, b_is_zero):
    """The factors of one adapter, named as PEFT names them."""
    factors = {}
    for name, value in w.items():
        module = name.removesuffix(".weight")
        if module.split(".")[-1] in modules:
            rows, columns = value.shape
            factors[f"base_model.model.{module}.lora_A.weight"] = normal(random, rank, columns) * 0.4
            factors[f"base_model.model.{module}.lora_B.weight"] = normal(random, rows, rank) * (0 if b_is_zero else 0.4)
    return factors


def frequencies(c):
    """Su et al. 2021, section 3.2.2, and Llama 3.1's stretch of them by wavelength."""
    theta = c.get("rope_theta") or c.get("rope_parameters", {}).get("rope_theta", 10000.0)
    width = c["head_dim"]
    plain = [theta ** (-2 * i / width) for i in range(width // 2)]
    s = c.get("rope_scaling")
    return torch.tensor(plain if s is None else [stretched(f, s) for f in plain], dtype=torch.float64)


def stretched(frequency, s):
    length = 2 * math.pi / frequency
    original = s["original_max_position_embeddings"]
    if length < original / s["high_freq_factor"]:
        return frequency
    if length > original / s["low_freq_factor"]:
        return frequency / s["factor"]
    share = (original / length - s["low_freq_factor"]) / (s["high_freq_factor"] - s["low_freq_factor"])
    return (1 - share) * frequency / s["factor"] + share * frequency


class Llama:
    """Touvron et al. 2023 with grouped heads (Ainslie et al. 2023) and LoRA (Hu et al. 2022), one sequence at a time: nothing is padded here."""

    def __init__(self, c, w, scaling):
        self.c, self.w, self.scaling = c, w, scaling

    def linear(self, module, x):
        y = x @ self.w[module + ".weight"].T
        a = self.w.get(f"base_model.model.{module}.lora_A.weight")
        return y if a is None else y + self.scaling * (x @ a.T @ self.w[f"base_model.model.{module}.lora_B.weight"].T)

    def norm(self, name, x):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.c["rms_norm_eps"]) * self.w[name + ".weight"]

    def heads(self, module, x, count, turned):
        h = self.linear(module, x).view(len(x), count, -1).transpose(0, 1)  # (T, C) -> (count, T, D)
        if not turned:
            return h
        angles = torch.outer(torch.arange(len(x), dtype=torch.float64), frequencies(self.c))  # (T, D/2)
        half = h.shape[-1] // 2
        z = torch.complex(h[..., :half], h[..., half:]) * torch.polar(torch.ones_like(angles), angles)  # coordinate i turns with i + D/2
        return torch.cat([z.real, z.imag], -1)

    def attention(self, p, x):
        h, g = self.c["num_attention_heads"], self.c["num_key_value_heads"]
        q = self.heads(p + "q_proj", x, h, turned=True)
        k = self.heads(p + "k_proj", x, g, turned=True).repeat_interleave(h // g, 0)
        v = self.heads(p + "v_proj", x, g, turned=False).repeat_interleave(h // g, 0)
        later = torch.ones(len(x), len(x), dtype=torch.bool).triu(1)
        scores = (q @ k.transpose(1, 2) / math.sqrt(self.c["head_dim"])).masked_fill(later, -math.inf)
        return self.linear(p + "o_proj", (scores.softmax(-1) @ v).transpose(0, 1).reshape(len(x), -1))

    def mlp(self, p, x):
        return self.linear(p + "down_proj", F.silu(self.linear(p + "gate_proj", x)) * self.linear(p + "up_proj", x))

    def logits(self, tokens):
        x = self.w["model.embed_tokens.weight"][torch.tensor(tokens)]  # (T) -> (T, C)
        for l in range(self.c["num_hidden_layers"]):
            p = f"model.layers.{l}."
            x = x + self.attention(p + "self_attn.", self.norm(p + "input_layernorm", x))
            x = x + self.mlp(p + "mlp.", self.norm(p + "post_attention_layernorm", x))
        return self.linear("model.embed_tokens" if self.c["tie_word_embeddings"] else "lm_head", self.norm("model.norm", x))


def loss_of(model, step):
    """The mean over all tokens of all completions of a step, and the logits of every input."""
    total, counted, logits = 0, 0, []
    for example in (example for batch in step for example in batch):
        tokens, first = example["tokens"], max(example["prompt_length"], 1)
        rows = model.logits(tokens[:-1])
        logits.append(rows)
        total = total + F.cross_entropy(rows[first - 1:], torch.tensor(tokens[first:], dtype=torch.long), reduction="sum")
        counted += len(tokens) - first
    return total / counted, torch.cat(logits)


def rate(o, step):
    if step < o["warmup_steps"]:
        return o["learning_rate"] * (step + 1) / o["warmup_steps"]
    progress = min(1, (step - o["warmup_steps"]) / (o["total_global_steps"] - o["warmup_steps"]))
    return o["learning_rate"] * (0.5 * (1 + math.cos(math.pi * progress)) if o["cosine"] else 1)


def write(path, tensors):
    header, data = {}, b""
    for name, tensor in tensors.items():
        raw = tensor.detach().contiguous()
        raw = (raw.view(torch.int16) if raw.element_size() == 2 else raw).numpy().tobytes()
        header[name] = {"dtype": TYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def single(tensors, prefix=""):
    return {prefix + name: tensor.detach().to(torch.float32) for name, tensor in tensors.items()}


def make(name, seed, base, lengths, trains_base=False, exchanged=None, target_modules=None, rank=0, alpha=0, b_is_zero=False, prompts=None, optimizer=None, steps=1):
    """One case: lengths are those of the micro-batches' sequences of each step, in tokens."""
    random = torch.Generator().manual_seed(seed)
    c = config(**BASES[base])
    start = {key: value.to(torch.float64) for key, value in STORED[base].items()}
    factors = single(adapter(start, target_modules or [], rank, random, b_is_zero))
    w = {**start, **{key: value.to(torch.float64) for key, value in factors.items()}}
    drawn = lambda length, prompt: {"tokens": torch.randint(VOCABULARY, (length,), generator=random).tolist(), "prompt_length": prompt}
    data = [[[drawn(length, prompts[m][i] if prompts else 0) for i, length in enumerate(batch)] for m, batch in enumerate(lengths)] for _ in range(steps)]

    kinds = {None: (), "a": ("lora_A",), "b": ("lora_B",), "both": ("lora_A", "lora_B")}[exchanged]
    trained = {key: value.requires_grad_() for key, value in w.items() if (trains_base if key in start else any(kind in key for kind in kinds))}
    o = optimizer or {}
    adam = torch.optim.AdamW(trained.values(), lr=1, betas=(o["beta1"], o["beta2"]), eps=o["epsilon"], weight_decay=o["weight_decay"]) if o else None
    tensors, losses, norms = {}, [], []
    for s, step in enumerate(data):
        for value in trained.values():
            value.grad = None
        loss, logits = loss_of(Llama(c, w, alpha / rank if rank else 0), step)
        loss.backward()
        gradients = {key: value.grad for key, value in trained.items()}
        losses.append(loss.item())
        norms.append(torch.cat([gradient.flatten() for gradient in gradients.values()]).norm().item())
        if not o:
            tensors = {"logits": logits.to(torch.float32).detach(), **single(gradients, "gradient.")}
            continue
        if o["clip_norm"] > 0:
            torch.nn.utils.clip_grad_norm_(trained.values(), o["clip_norm"])
        adam.param_groups[0]["lr"] = rate(o, o["first_global_step"] + s)
        adam.step()
        if s + 1 in (1, 2, 5):
            tensors.update(single(trained, f"after{s + 1}."))
    write(FOLDER / "cases" / f"{name}.safetensors", {**factors, **tensors})
    lora = {"exchanged": exchanged, "rank": rank, "alpha": alpha, "target_modules": target_modules} if rank else None
    return {"base": base, "trains_base": trains_base, "adapter": lora, "optimizer": optimizer, "steps": data, "losses": losses, "gradient_norms": norms}


torch.set_num_threads(1)
STORED = {}
for number, (name, shape) in enumerate(BASES.items()):
    c = config(**shape)
    drawn = weights(c, torch.Generator().manual_seed(100 + number))
    if name == "f16":
        drawn["model.embed_tokens.weight"][5] *= 1e-4  # mostly subnormals of binary16, large enough beside this epsilon
    STORED[name] = {key: value.to(shape.get("type", torch.float32)) for key, value in drawn.items()}
    write(FOLDER / "bases" / name / "model.safetensors", STORED[name])
    (FOLDER / "bases" / name / "config.json").write_text(json.dumps(c, indent=2) + "\n")

ALIKE = [[14, 14, 14]]
SHORT = [[8, 8, 8]]
RAGGED = [[14, 8, 11], [6, 10]]  # of two micro-batches
PROMPTS = [[3, 0, 11], [1, 7]]  # one completion is empty, one example has no prompt
adamw = dict(beta1=0.9, beta2=0.99, epsilon=1e-8, weight_decay=0.0, clip_norm=1.0, learning_rate=0.004, cosine=True, warmup_steps=2, first_global_step=0, total_global_steps=7)
CASES = {
    "heads-tied": make("heads-tied", 1, "mha", ALIKE, trains_base=True),
    "groups-untied": make("groups-untied", 2, "gqa", ALIKE, trains_base=True),
    "rope-theta": make("rope-theta", 3, "theta", ALIKE, trains_base=True),
    "rope-llama3": make("rope-llama3", 4, "llama3", [[32, 32]], trains_base=True),
    "weights-bf16": make("weights-bf16", 19, "bf16", SHORT, trains_base=True),
    "weights-f16": make("weights-f16", 20, "f16", SHORT, trains_base=True),
    "lora-attention": make("lora-attention", 7, "gqa", SHORT, exchanged="both", target_modules=ATTENTION, rank=3, alpha=7),
    "lora-all": make("lora-all", 8, "mha", SHORT, exchanged="both", target_modules=ALL, rank=5, alpha=8),
    "lora-two": make("lora-two", 9, "gqa", SHORT, exchanged="both", target_modules=["down_proj", "k_proj"], rank=1, alpha=0.5),
    "lora-frozen-a": make("lora-frozen-a", 10, "llama3", SHORT, exchanged="b", target_modules=ALL, rank=3, alpha=8),
    "lora-frozen-b": make("lora-frozen-b", 11, "theta", SHORT, exchanged="a", target_modules=ALL, rank=3, alpha=2),
    "lora-and-base": make("lora-and-base", 12, "theta", SHORT, trains_base=True, exchanged="both", target_modules=ATTENTION, rank=2, alpha=3),
    "completions": make("completions", 13, "theta", RAGGED, trains_base=True, prompts=PROMPTS),
    "completions-lora": make("completions-lora", 14, "mha", RAGGED, exchanged="b", target_modules=ALL, rank=3, alpha=6, prompts=PROMPTS),
    "adamw-base": make("adamw-base", 15, "theta", RAGGED, trains_base=True, prompts=PROMPTS, steps=5, optimizer=adamw | dict(beta1=0.8, beta2=0.95, epsilon=1e-4, weight_decay=0.3, clip_norm=3.6, first_global_step=1, warmup_steps=3)),
    "adamw-lora": make("adamw-lora", 16, "mha", RAGGED, exchanged="both", target_modules=ALL, rank=2, alpha=5, b_is_zero=True, prompts=PROMPTS, steps=5, optimizer=adamw | dict(weight_decay=0.3)),
    "adamw-frozen-a": make("adamw-frozen-a", 17, "llama3", RAGGED, exchanged="b", target_modules=ATTENTION, rank=3, alpha=6, b_is_zero=True, prompts=PROMPTS, steps=5, optimizer=adamw | dict(clip_norm=0.0, cosine=False, first_global_step=700)),
}
lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(case, separators=(',', ':'))}" for name, case in CASES.items())
(FOLDER / "cases.json").write_text("{\n" + lines + "\n}\n")
