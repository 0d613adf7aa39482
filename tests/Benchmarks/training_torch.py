# Copyright (c) FedCloud contributors. Licensed under the MIT License.
"""PyTorch's side of the training benchmark: the same model, adapter and tokens as TrainingModel.cs writes, in float32.

usage: training_torch.py FOLDER THREADS LENGTH FORM. Prints the loss and leaves its gradients, then takes a step (forward, loss,
backward; no optimizer) for every line that comes in, and prints its seconds.

FORM usual is a model as it is usually written: the adapter's product is added to the layer's, and attention is computed
for all queries at once. FORM tuned is as fast as we could make it on PyTorch 1.13: the adapter's product is added with
one addmm, and attention is computed for CHUNK queries at a time against the keys up to the last of them, which was faster
here than all at once, and than PyTorch 1.13's own function (FUSED). In both, frozen weights want no gradient, and
positions and masks are made once.
"""

import json
import os
import struct
import sys
import time

import numpy
import torch
import torch.nn.functional as F

T = int(sys.argv[3])
TUNED = {"usual": False, "tuned": True}[sys.argv[4]]
B = 2048 // T
V, C, LAYERS, HEADS, GROUPS, D = 512, 384, 6, 6, 2, 64
EPSILON, THETA, SCALING = 1e-5, 10000.0, 2.0
CHUNK = int(os.environ.get("CHUNK", "256"))


def read_safetensors(path):
    data = open(path, "rb").read()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            start, end = (8 + length + offset for offset in entry["data_offsets"])
            tensors[name] = torch.from_numpy(numpy.frombuffer(data[start:end], "<f4").reshape(entry["shape"]).copy())
    return tensors


def write_safetensors(path, tensors):
    header, offset = {}, 0
    for name, tensor in tensors.items():
        size = 4 * tensor.numel()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(tensor.numpy().tobytes() for tensor in tensors.values()))


class Model:
    def __init__(self, folder):
        self.w = read_safetensors(os.path.join(folder, "model.safetensors"))
        adapter = read_safetensors(os.path.join(folder, "adapter.safetensors"))
        self.adapter = {name: tensor.requires_grad_() for name, tensor in adapter.items()}
        angles = torch.arange(T)[:, None] * (THETA ** (-torch.arange(0, D, 2, dtype=torch.float64) / D))[None]
        self.cos = torch.cat([angles.cos()] * 2, -1).float()
        self.sin = torch.cat([-angles.sin(), angles.sin()], -1).float()
        self.mask = torch.full((T, T), float("-inf")).triu(1)
        self.fused = getattr(F, "_scaled_dot_product_attention", None) if os.environ.get("FUSED") else None

    def linear(self, module, x):  # (N, in) -> (N, out)
        a = self.adapter[f"base_model.model.{module}.lora_A.weight"]
        b = self.adapter[f"base_model.model.{module}.lora_B.weight"]
        if not TUNED:
            return x @ self.w[module + ".weight"].t() + SCALING * (x @ a.t() @ b.t())
        return torch.addmm(x @ self.w[module + ".weight"].t(), x @ a.t(), b.t(), alpha=SCALING)

    def norm(self, x, name):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + EPSILON) * self.w[name]

    def heads(self, x, count):  # (N, count D) -> (B, count, T, D)
        return x.view(B, T, count, D).transpose(1, 2)

    def turn(self, x):
        half = D // 2
        return x * self.cos + torch.cat([x[..., half:], x[..., :half]], -1) * self.sin

    def attention(self, q, k, v):
        if not TUNED:
            return torch.softmax(q @ k.transpose(-1, -2) * D**-0.5 + self.mask, -1) @ v
        if self.fused:
            return self.fused(q, k, v, is_causal=True)[0]
        q, k, v = (x.reshape(-1, T, D) for x in (q, k, v))
        chunks = []
        for start in range(0, T, CHUNK):
            end = min(T, start + CHUNK)
            scores = torch.baddbmm(self.mask[start:end, :end], q[:, start:end], k[:, :end].transpose(1, 2), alpha=D**-0.5)
            chunks.append(torch.softmax(scores, -1) @ v[:, :end])
        return torch.cat(chunks, 1).view(B, HEADS, T, D)

    def layer(self, x, prefix):
        h = self.norm(x, prefix + "input_layernorm.weight")
        q = self.turn(self.heads(self.linear(prefix + "self_attn.q_proj", h), HEADS))
        k = self.turn(self.heads(self.linear(prefix + "self_attn.k_proj", h), GROUPS)).repeat_interleave(HEADS // GROUPS, 1)
        v = self.heads(self.linear(prefix + "self_attn.v_proj", h), GROUPS).repeat_interleave(HEADS // GROUPS, 1)
        attended = self.attention(q, k, v).transpose(1, 2).reshape(B * T, HEADS * D)
        x = x + self.linear(prefix + "self_attn.o_proj", attended)
        h = self.norm(x, prefix + "post_attention_layernorm.weight")
        gated = F.silu(self.linear(prefix + "mlp.gate_proj", h)) * self.linear(prefix + "mlp.up_proj", h)
        return x + self.linear(prefix + "mlp.down_proj", gated)

    def loss(self, tokens, targets):
        x = self.w["model.embed_tokens.weight"][tokens]
        for index in range(LAYERS):
            x = self.layer(x, f"model.layers.{index}.")
        logits = self.norm(x, "model.norm.weight") @ self.w["model.embed_tokens.weight"].t()
        return F.cross_entropy(logits, targets)


def main():
    folder, threads = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(threads)
    model = Model(folder)
    ids = torch.from_numpy(numpy.fromfile(os.path.join(folder, "tokens.bin"), "<i4").reshape(B, T + 1).astype(numpy.int64))
    tokens, targets = ids[:, :-1].reshape(-1), ids[:, 1:].reshape(-1)

    def step():
        for tensor in model.adapter.values():
            tensor.grad = None
        loss = model.loss(tokens, targets)
        loss.backward()
        return float(loss)

    loss = step()
    gradients = {name: tensor.grad for name, tensor in model.adapter.items()}
    write_safetensors(os.path.join(folder, f"gradients-{os.getpid()}.safetensors"), gradients)
    for _ in range(3):
        step()
    print(repr(loss), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        step()
        print(repr(time.perf_counter() - start), flush=True)


main()
