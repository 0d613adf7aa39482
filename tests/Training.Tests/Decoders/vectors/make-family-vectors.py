# Copyright (c) FedCloud contributors. Licensed under the MIT License.
"""Writes small base models of every family and what PyTorch makes of them, in binary64: python3 make-family-vectors.py FOLDER"""
import json
import math
import re
import struct
import sys
from pathlib import Path

import torch
import torch.nn.functional as F

FOLDER = Path(sys.argv[1])
VOCABULARY = 31
TYPES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}
GATED = ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]
GPT2 = ["c_attn", "c_fc", "c_proj"]
WINDOW = 5

# Fields and kinds of values as in published checkpoints of each family; numbers are small, and odd where they may be.
# ε is large enough to show, caps and windows are small enough to.
CONFIGS = {
    "llama2": {  # as Llama 2: no head_dim, heads of their own for keys and values
        "_name_or_path": "meta-llama/Llama-2-7b-hf", "architectures": ["LlamaForCausalLM"], "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu",
        "hidden_size": 18, "initializer_range": 0.02, "intermediate_size": 23, "max_position_embeddings": 64, "model_type": "llama", "num_attention_heads": 3,
        "num_hidden_layers": 2, "num_key_value_heads": 3, "pretraining_tp": 1, "rms_norm_eps": 1e-05, "rope_scaling": None, "tie_word_embeddings": False,
        "torch_dtype": "float16", "transformers_version": "4.31.0.dev0", "use_cache": True, "vocab_size": VOCABULARY,
    },
    "llama32": {  # as Llama 3.2: by wavelengths, two of the five frequencies stay, one is between, two are stretched
        "architectures": ["LlamaForCausalLM"], "attention_bias": False, "attention_dropout": 0.0, "bos_token_id": 28, "eos_token_id": [28, 29, 30], "head_dim": 10,
        "hidden_act": "silu", "hidden_size": 18, "initializer_range": 0.02, "intermediate_size": 21, "max_position_embeddings": 800, "mlp_bias": False,
        "model_type": "llama", "num_attention_heads": 6, "num_hidden_layers": 2, "num_key_value_heads": 2, "pretraining_tp": 1, "rms_norm_eps": 1e-05,
        "rope_scaling": {"factor": 8.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0, "original_max_position_embeddings": 100, "rope_type": "llama3"},
        "rope_theta": 500.0, "tie_word_embeddings": True, "torch_dtype": "bfloat16", "transformers_version": "4.45.0.dev0", "use_cache": True, "vocab_size": VOCABULARY,
    },
    "mistral-window": {  # as Mistral 7B v0.1
        "architectures": ["MistralForCausalLM"], "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu", "hidden_size": 24, "initializer_range": 0.02,
        "intermediate_size": 21, "max_position_embeddings": 64, "model_type": "mistral", "num_attention_heads": 4, "num_hidden_layers": 2, "num_key_value_heads": 2,
        "rms_norm_eps": 1e-05, "rope_theta": 100.0, "sliding_window": WINDOW, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
        "transformers_version": "4.34.0.dev0", "use_cache": True, "vocab_size": VOCABULARY,
    },
    "mistral-full": {  # as Mistral Nemo: head_dim is not hidden_size / heads
        "architectures": ["MistralForCausalLM"], "attention_dropout": 0.0, "bos_token_id": 1, "eos_token_id": 2, "head_dim": 8, "hidden_act": "silu", "hidden_size": 15,
        "initializer_range": 0.02, "intermediate_size": 21, "max_position_embeddings": 64, "model_type": "mistral", "num_attention_heads": 3, "num_hidden_layers": 2,
        "num_key_value_heads": 1, "rms_norm_eps": 1e-05, "rope_theta": 1000.0, "sliding_window": None, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
        "transformers_version": "4.43.0.dev0", "use_cache": True, "vocab_size": VOCABULARY,
    },
    "qwen2-tied": {  # as Qwen 2.5 0.5B: the window is in the file, and not in use
        "architectures": ["Qwen2ForCausalLM"], "attention_dropout": 0.0, "bos_token_id": 29, "eos_token_id": 29, "hidden_act": "silu", "hidden_size": 18,
        "initializer_range": 0.02, "intermediate_size": 23, "max_position_embeddings": 64, "max_window_layers": 1, "model_type": "qwen2", "num_attention_heads": 3,
        "num_hidden_layers": 2, "num_key_value_heads": 1, "rms_norm_eps": 1e-06, "rope_theta": 1000.0, "sliding_window": WINDOW, "tie_word_embeddings": True,
        "torch_dtype": "bfloat16", "transformers_version": "4.40.1", "use_cache": True, "use_mrope": False, "use_sliding_window": False, "vocab_size": VOCABULARY,
    },
    "qwen2-untied": {  # as Qwen 2.5 7B Instruct
        "architectures": ["Qwen2ForCausalLM"], "attention_dropout": 0.0, "bos_token_id": 28, "eos_token_id": 29, "hidden_act": "silu", "hidden_size": 24,
        "initializer_range": 0.02, "intermediate_size": 21, "max_position_embeddings": 64, "max_window_layers": 1, "model_type": "qwen2", "num_attention_heads": 4,
        "num_hidden_layers": 2, "num_key_value_heads": 2, "rms_norm_eps": 1e-06, "rope_theta": 1000.0, "sliding_window": WINDOW, "tie_word_embeddings": False,
        "torch_dtype": "bfloat16", "transformers_version": "4.43.1", "use_cache": True, "use_sliding_window": False, "vocab_size": VOCABULARY,
    },
    "qwen3-tied": {  # as Qwen3 0.6B, whose file holds the head though it is tied
        "architectures": ["Qwen3ForCausalLM"], "attention_bias": False, "attention_dropout": 0.0, "bos_token_id": 28, "eos_token_id": 29, "head_dim": 10,
        "hidden_act": "silu", "hidden_size": 12, "initializer_range": 0.02, "intermediate_size": 21, "max_position_embeddings": 64, "max_window_layers": 2,
        "model_type": "qwen3", "num_attention_heads": 4, "num_hidden_layers": 2, "num_key_value_heads": 2, "rms_norm_eps": 0.01, "rope_scaling": None,
        "rope_theta": 1000, "sliding_window": None, "tie_word_embeddings": True, "torch_dtype": "bfloat16", "transformers_version": "4.51.0", "use_cache": True,
        "use_sliding_window": False, "vocab_size": VOCABULARY,
    },
    "qwen3-untied": {  # as Qwen3 8B, saved again by a transformers of the fifth generation
        "architectures": ["Qwen3ForCausalLM"], "attention_bias": False, "attention_dropout": 0.0, "bos_token_id": 28, "dtype": "bfloat16", "eos_token_id": 29,
        "head_dim": 6, "hidden_act": "silu", "hidden_size": 15, "initializer_range": 0.02, "intermediate_size": 21, "layer_types": ["full_attention", "full_attention"],
        "max_position_embeddings": 64, "max_window_layers": 2, "model_type": "qwen3", "num_attention_heads": 3, "num_hidden_layers": 2, "num_key_value_heads": 1,
        "pad_token_id": None, "rms_norm_eps": 1e-06, "rope_parameters": {"rope_theta": 1000, "rope_type": "default"}, "sliding_window": None,
        "tie_word_embeddings": False, "transformers_version": "5.0.0", "use_cache": True, "use_sliding_window": False, "vocab_size": VOCABULARY,
    },
    "gemma2": {  # as Gemma 2 2B: tie_word_embeddings is left out, and true
        "architectures": ["Gemma2ForCausalLM"], "attention_bias": False, "attention_dropout": 0.0, "attn_logit_softcapping": 2.5, "bos_token_id": 2,
        "cache_implementation": "hybrid", "eos_token_id": 1, "final_logit_softcapping": 3.0, "head_dim": 6, "hidden_act": "gelu_pytorch_tanh",
        "hidden_activation": "gelu_pytorch_tanh", "hidden_size": 12, "initializer_range": 0.02, "intermediate_size": 19, "max_position_embeddings": 64,
        "model_type": "gemma2", "num_attention_heads": 4, "num_hidden_layers": 3, "num_key_value_heads": 2, "pad_token_id": 0, "query_pre_attn_scalar": 3,
        "rms_norm_eps": 0.01, "rope_theta": 100.0, "sliding_window": WINDOW, "torch_dtype": "float32", "transformers_version": "4.42.4", "use_cache": True,
        "vocab_size": VOCABULARY,
    },
    "gemma3": {  # as Gemma 3 1B: every third layer sees all
        "architectures": ["Gemma3ForCausalLM"], "attention_bias": False, "attention_dropout": 0.0, "attn_logit_softcapping": None, "bos_token_id": 2,
        "cache_implementation": "hybrid", "eos_token_id": [1, 30], "final_logit_softcapping": None, "head_dim": 6, "hidden_activation": "gelu_pytorch_tanh",
        "hidden_size": 12, "initializer_range": 0.02, "intermediate_size": 17, "max_position_embeddings": 64, "model_type": "gemma3_text", "num_attention_heads": 3,
        "num_hidden_layers": 4, "num_key_value_heads": 1, "pad_token_id": 0, "query_pre_attn_scalar": 4, "rms_norm_eps": 0.01, "rope_local_base_freq": 10,
        "rope_scaling": None, "rope_theta": 1000, "sliding_window": WINDOW, "sliding_window_pattern": 3, "torch_dtype": "float32", "transformers_version": "4.50.0.dev0",
        "use_cache": True, "vocab_size": VOCABULARY,
    },
    "gemma3-layers": {  # as Gemma 3 270M
        "_sliding_window_pattern": 2, "architectures": ["Gemma3ForCausalLM"], "attention_bias": False, "attention_dropout": 0.0, "attn_logit_softcapping": None,
        "bos_token_id": 2, "eos_token_id": 1, "final_logit_softcapping": None, "head_dim": 8, "hidden_activation": "gelu_pytorch_tanh", "hidden_size": 10,
        "initializer_range": 0.02, "intermediate_size": 17, "layer_types": ["sliding_attention", "full_attention", "sliding_attention"], "max_position_embeddings": 64,
        "model_type": "gemma3_text", "num_attention_heads": 2, "num_hidden_layers": 3, "num_key_value_heads": 1, "pad_token_id": 0, "query_pre_attn_scalar": 12,
        "rms_norm_eps": 1e-06, "rope_local_base_freq": 10.0, "rope_scaling": None, "rope_theta": 1000.0, "sliding_window": WINDOW, "torch_dtype": "float32",
        "transformers_version": "4.55.0.dev0", "use_bidirectional_attention": False, "use_cache": True, "vocab_size": VOCABULARY,
    },
    "gpt2": {  # as the published gpt2: names without a prefix, masks among the weights
        "activation_function": "gelu_new", "architectures": ["GPT2LMHeadModel"], "attn_pdrop": 0.1, "bos_token_id": 30, "embd_pdrop": 0.1, "eos_token_id": 30,
        "initializer_range": 0.02, "layer_norm_epsilon": 0.01, "model_type": "gpt2", "n_ctx": 20, "n_embd": 15, "n_head": 3, "n_layer": 2, "n_positions": 20,
        "resid_pdrop": 0.1, "summary_activation": None, "summary_first_dropout": 0.1, "summary_proj_to_labels": True, "summary_type": "cls_index",
        "summary_use_proj": True, "task_specific_params": {"text-generation": {"do_sample": True, "max_length": 50}}, "vocab_size": VOCABULARY,
    },
    "gpt2-saved": {  # as a newer transformers saves it: with the prefix, without the masks; an MLP of its own width
        "activation_function": "gelu_new", "architectures": ["GPT2LMHeadModel"], "attn_pdrop": 0.1, "bos_token_id": 30, "embd_pdrop": 0.1, "eos_token_id": 30,
        "initializer_range": 0.02, "layer_norm_epsilon": 1e-05, "model_type": "gpt2", "n_embd": 14, "n_head": 2, "n_inner": 25, "n_layer": 2, "n_positions": 20,
        "reorder_and_upcast_attn": False, "resid_pdrop": 0.1, "scale_attn_by_inverse_layer_idx": False, "scale_attn_weights": True, "summary_activation": None,
        "summary_first_dropout": 0.1, "summary_proj_to_labels": True, "summary_type": "cls_index", "summary_use_proj": True, "torch_dtype": "float32",
        "transformers_version": "4.40.0", "use_cache": True, "vocab_size": VOCABULARY,
    },
    "llama31": {  # as Llama 3.1, in one file; "llama31-shards" is the same in three
        "architectures": ["LlamaForCausalLM"], "attention_bias": False, "attention_dropout": 0.0, "bos_token_id": 29, "eos_token_id": 30, "hidden_act": "silu",
        "hidden_size": 20, "initializer_range": 0.02, "intermediate_size": 19, "max_position_embeddings": 800, "mlp_bias": False, "model_type": "llama",
        "num_attention_heads": 2, "num_hidden_layers": 2, "num_key_value_heads": 1, "pretraining_tp": 1, "rms_norm_eps": 1e-05,
        "rope_scaling": {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 100, "rope_type": "llama3"},
        "rope_theta": 500.0, "tie_word_embeddings": False, "torch_dtype": "bfloat16", "transformers_version": "4.43.0.dev0", "use_cache": True, "vocab_size": VOCABULARY,
    },
}
CONFIGS["llama31-shards"] = CONFIGS["llama31"]


def is_gemma(c):
    return c["model_type"].startswith("gemma")


def head_norms(c):
    return c["model_type"] in ("qwen3", "gemma3_text")


def tied(c):
    """What an absent field means differs by family."""
    return c.get("tie_word_embeddings", is_gemma(c) or c["model_type"] == "gpt2")


def width(c):
    return c.get("head_dim", c["hidden_size"] // c["num_attention_heads"])


def windows(c):
    """The number of last positions, itself among them, that a position of each layer sees; None for all."""
    layers = range(c["num_hidden_layers"])
    if c["model_type"] == "mistral":
        return [c["sliding_window"] for _ in layers]
    if c["model_type"] == "gemma2":
        return [c["sliding_window"] if l % 2 == 0 else None for l in layers]
    if c["model_type"] == "gemma3_text":
        kinds = c.get("layer_types") or ["full_attention" if (l + 1) % c["sliding_window_pattern"] == 0 else "sliding_attention" for l in layers]
        return [c["sliding_window"] if kind == "sliding_attention" else None for kind in kinds]
    return [None for _ in layers]


def thetas(c):
    """The base of the rotary frequencies of each layer."""
    everywhere = c.get("rope_theta") or c.get("rope_parameters", {}).get("rope_theta", 10000.0)
    return [c.get("rope_local_base_freq", everywhere) if window else everywhere for window in windows(c)]


def frequencies(theta, size, scaling):
    """Su et al. 2021, section 3.2.2; with scaling, Llama 3.1's stretch of them by wavelength."""
    plain = theta ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
    if scaling is None:
        return plain
    turns = scaling["original_max_position_embeddings"] * plain / (2 * math.pi)  # in the original context
    kept = ((turns - scaling["low_freq_factor"]) / (scaling["high_freq_factor"] - scaling["low_freq_factor"])).clamp(0, 1)
    return plain * (kept + (1 - kept) / scaling["factor"])


def gelu_tanh(x):
    """Hendrycks and Gimpel 2016, section 2: the approximation by tanh."""
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))


def visible(length, window):
    """(T, T): whether row i sees column j: i - window < j <= i."""
    behind = torch.arange(length)[:, None] - torch.arange(length)[None, :]
    return (behind >= 0) & (behind < (window or length))


class Adapter:
    """LoRA (Hu et al. 2022) under PEFT's names, by module; rsLoRA (Kalajdzievski 2023); DoRA (Liu et al. 2024)."""

    def __init__(self, rank, alpha, target_modules, exchanged="both", use_dora=False, use_rslora=False, rank_pattern={}, alpha_pattern={}):
        self.rank, self.alpha, self.target_modules, self.exchanged = rank, alpha, target_modules, exchanged
        self.use_dora, self.use_rslora, self.rank_pattern, self.alpha_pattern = use_dora, use_rslora, rank_pattern, alpha_pattern

    def rank_of(self, module):
        return self.matched(self.rank_pattern, module, self.rank)

    def scaling_of(self, module):
        alpha, rank = self.matched(self.alpha_pattern, module, self.alpha), self.rank_of(module)
        return alpha / (math.sqrt(rank) if self.use_rslora else rank)

    @staticmethod
    def matched(pattern, module, otherwise):
        """The first key that matches the module's path, or its end after a dot."""
        return next((value for key, value in pattern.items() if re.fullmatch(rf"(.*\.)?({key})", module)), otherwise)

    def draw(self, w, path, transposed, random):
        """The factors of all target modules of the weights; path maps a name in the file to the module's in the model."""
        factors = {}
        for name, value in w.items():
            if value.ndim != 2 or name.removesuffix(".weight").split(".")[-1] not in self.target_modules:
                continue
            module = path(name.removesuffix(".weight"))
            weight = value.T if transposed else value
            rank, p = self.rank_of(module), f"base_model.model.{module}.lora_"
            factors[p + "A.weight"] = normal(random, rank, weight.shape[1]) * 0.25
            factors[p + "B.weight"] = normal(random, weight.shape[0], rank) * 0.25
            if self.use_dora:
                factors[p + "magnitude_vector"] = weight.norm(dim=1) * (1 + normal(random, len(weight)) * 0.2)
        return factors

    def trains(self, name):
        kinds = {"a": ("lora_A",), "b": ("lora_B",), "both": ("lora_A", "lora_B", "lora_magnitude_vector")}[self.exchanged]
        return any(kind in name for kind in kinds)

    def linear(self, w, module, weight, bias, x):
        """weight is (out, in)."""
        p = f"base_model.model.{module}.lora_"
        y = x @ weight.T
        if p + "A.weight" in w:
            a, b, s = w[p + "A.weight"], w[p + "B.weight"], self.scaling_of(module)
            y = y + s * (x @ a.T @ b.T)
            if self.use_dora:
                # Liu et al. 2024, equation 5; section 4.3 for the norm that counts as a constant. One norm for each output.
                y = y * (w[p + "magnitude_vector"] / (weight + s * b @ a).detach().norm(dim=1))
        return y if bias is None else y + bias


class Decoder:
    """Llama (Touvron et al. 2023) and what Mistral, Qwen 2 and 3, Gemma 2 and 3 make of it; one sequence at a time, without padding."""

    transposed = False

    def __init__(self, c, w, adapter):
        self.c, self.w, self.adapter = c, w, adapter

    @staticmethod
    def path(module):
        return module

    def linear(self, module, x):
        return self.adapter.linear(self.w, module, self.w[module + ".weight"], self.w.get(module + ".bias"), x)

    def norm(self, name, x):
        """Zhang and Sennrich 2019; Gemma's weights are distances from one."""
        gain = self.w[name + ".weight"] + (1 if is_gemma(self.c) else 0)
        return x / torch.sqrt((x * x).mean(-1, keepdim=True) + self.c["rms_norm_eps"]) * gain

    def turn(self, x, theta):
        """(heads, T, D): coordinate i turns with i + D/2."""
        angles = torch.outer(torch.arange(x.shape[1], dtype=torch.float64), frequencies(theta, x.shape[2], self.c.get("rope_scaling")))
        first, second = x.chunk(2, -1)
        return torch.cat([first * angles.cos() - second * angles.sin(), second * angles.cos() + first * angles.sin()], -1)

    def attention(self, p, x, window, theta):
        c, size = self.c, width(self.c)
        heads, groups = c["num_attention_heads"], c["num_key_value_heads"]
        q = self.linear(p + "q_proj", x).view(len(x), heads, size).transpose(0, 1)  # (T, C) -> (heads, T, D)
        k = self.linear(p + "k_proj", x).view(len(x), groups, size).transpose(0, 1)
        v = self.linear(p + "v_proj", x).view(len(x), groups, size).transpose(0, 1)
        if head_norms(c):
            q, k = self.norm(p + "q_norm", q), self.norm(p + "k_norm", k)
        q, k = self.turn(q, theta), self.turn(k, theta)
        shared = [g for g in range(groups) for _ in range(heads // groups)]
        scores = q @ k[shared].transpose(1, 2) / math.sqrt(c.get("query_pre_attn_scalar", size))
        scores = self.capped(scores, c.get("attn_logit_softcapping")).masked_fill(~visible(len(x), window), -math.inf)
        return self.linear(p + "o_proj", (scores.softmax(-1) @ v[shared]).transpose(0, 1).reshape(len(x), -1))

    @staticmethod
    def capped(x, cap):
        """Gemma Team 2024, section 2."""
        return x if cap is None else cap * torch.tanh(x / cap)

    def mlp(self, p, x):
        """Shazeer 2020: SwiGLU, or GeGLU in Gemma."""
        gate = self.linear(p + "gate_proj", x)
        return self.linear(p + "down_proj", (gelu_tanh(gate) if is_gemma(self.c) else gate * torch.sigmoid(gate)) * self.linear(p + "up_proj", x))

    def logits(self, tokens):
        c, table = self.c, self.w["model.embed_tokens.weight"]
        x = table[tokens]  # (T) -> (T, C)
        if is_gemma(c):
            x = x * torch.tensor(math.sqrt(c["hidden_size"]), dtype=torch.float32).double()  # rounded to the files' F32
        for l, (window, theta) in enumerate(zip(windows(c), thetas(c))):
            p = f"model.layers.{l}."
            y = self.attention(p + "self_attn.", self.norm(p + "input_layernorm", x), window, theta)
            if is_gemma(c):
                x = x + self.norm(p + "post_attention_layernorm", y)
                y = self.mlp(p + "mlp.", self.norm(p + "pre_feedforward_layernorm", x))
                x = x + self.norm(p + "post_feedforward_layernorm", y)
            else:
                x = x + y
                x = x + self.mlp(p + "mlp.", self.norm(p + "post_attention_layernorm", x))
        x = self.norm("model.norm", x)
        return self.capped(x @ (table if tied(c) else self.w["lm_head.weight"]).T, c.get("final_logit_softcapping"))


class Gpt2:
    """Radford et al. 2019; weights of linear layers are stored (in, out)."""

    transposed = True

    def __init__(self, c, w, adapter):
        self.c, self.w, self.adapter = c, w, adapter
        self.prefix = "transformer." if "transformer.wte.weight" in w else ""

    @staticmethod
    def path(module):
        return "transformer." + module.removeprefix("transformer.")

    def linear(self, module, x):
        return self.adapter.linear(self.w, self.path(module), self.w[module + ".weight"].T, self.w[module + ".bias"], x)

    def norm(self, name, x):
        return F.layer_norm(x, x.shape[-1:], self.w[name + ".weight"], self.w[name + ".bias"], self.c["layer_norm_epsilon"])

    def attention(self, p, x):
        q, k, v = self.linear(p + "c_attn", x).view(len(x), 3, self.c["n_head"], -1).permute(1, 2, 0, 3)  # (T, 3C) -> three of (heads, T, D)
        scores = (q @ k.transpose(1, 2) / math.sqrt(q.shape[-1])).masked_fill(~visible(len(x), None), -math.inf)
        return self.linear(p + "c_proj", (scores.softmax(-1) @ v).transpose(0, 1).reshape(len(x), -1))

    def logits(self, tokens):
        table = self.w[self.prefix + "wte.weight"]
        x = table[tokens] + self.w[self.prefix + "wpe.weight"][:len(tokens)]  # (T) -> (T, C)
        for l in range(self.c["n_layer"]):
            p = f"{self.prefix}h.{l}."
            x = x + self.attention(p + "attn.", self.norm(p + "ln_1", x))
            x = x + self.linear(p + "mlp.c_proj", gelu_tanh(self.linear(p + "mlp.c_fc", self.norm(p + "ln_2", x))))
        return self.norm(self.prefix + "ln_f", x) @ table.T


def network(c):
    return Gpt2 if c["model_type"] == "gpt2" else Decoder


def normal(random, *shape):
    return torch.randn(*shape, generator=random, dtype=torch.float64)


def linear_weight(random, rows, columns, gain=1.2):
    return normal(random, rows, columns) * gain / math.sqrt(columns)


def decoder_weights(c, random):
    """Large enough that attention is far from uniform, gates are bent and caps cap; no gain is one, no bias zero."""
    hidden, inner, size = c["hidden_size"], c["intermediate_size"], width(c)
    q, kv = c["num_attention_heads"] * size, c["num_key_value_heads"] * size
    gain = lambda count: normal(random, count) * 0.3 + (0 if is_gemma(c) else 1)
    w = {"model.embed_tokens.weight": normal(random, VOCABULARY, hidden) * 0.5}
    for l in range(c["num_hidden_layers"]):
        p = f"model.layers.{l}."
        for name in ["input_layernorm", "post_attention_layernorm"] + (["pre_feedforward_layernorm", "post_feedforward_layernorm"] if is_gemma(c) else []):
            w[f"{p}{name}.weight"] = gain(hidden)
        for name, rows, columns in [("q", q, hidden), ("k", kv, hidden), ("v", kv, hidden), ("o", hidden, q)]:
            w[f"{p}self_attn.{name}_proj.weight"] = linear_weight(random, rows, columns, 1.6 if name in "qk" else 1.2)
            if c["model_type"] == "qwen2" and name != "o":
                w[f"{p}self_attn.{name}_proj.bias"] = normal(random, rows) * 0.5
        if head_norms(c):
            w[p + "self_attn.q_norm.weight"] = gain(size)
            w[p + "self_attn.k_norm.weight"] = gain(size)
        w[p + "mlp.gate_proj.weight"] = linear_weight(random, inner, hidden)
        w[p + "mlp.up_proj.weight"] = linear_weight(random, inner, hidden)
        w[p + "mlp.down_proj.weight"] = linear_weight(random, hidden, inner)
    w["model.norm.weight"] = gain(hidden)
    if not tied(c):
        w["lm_head.weight"] = linear_weight(random, VOCABULARY, hidden)
    return w


def gpt2_weights(c, random, p):
    width, inner = c["n_embd"], c.get("n_inner") or 4 * c["n_embd"]
    w = {p + "wte.weight": normal(random, VOCABULARY, width) * 0.5, p + "wpe.weight": normal(random, c["n_positions"], width) * 0.3}
    for l in range(c["n_layer"]):
        q = f"{p}h.{l}."
        for name in ["ln_1", "ln_2"]:
            w[f"{q}{name}.weight"], w[f"{q}{name}.bias"] = 1 + normal(random, width) * 0.3, normal(random, width) * 0.3
        for name, inputs, outputs in [("attn.c_attn", width, 3 * width), ("attn.c_proj", width, width), ("mlp.c_fc", width, inner), ("mlp.c_proj", inner, width)]:
            w[f"{q}{name}.weight"] = linear_weight(random, outputs, inputs, 1.5).T
            w[f"{q}{name}.bias"] = normal(random, outputs) * 0.4
    w[p + "ln_f.weight"], w[p + "ln_f.bias"] = 1 + normal(random, width) * 0.3, normal(random, width) * 0.3
    return w


def stored(base):
    """The tensors of a base's files, and those among them that are no parameters."""
    c, random = CONFIGS[base], torch.Generator().manual_seed(1000 + list(CONFIGS).index(base.removesuffix("-shards")))
    type = getattr(torch, c.get("torch_dtype") or c.get("dtype", "float32"))
    w = gpt2_weights(c, random, "" if base == "gpt2" else "transformer.") if c["model_type"] == "gpt2" else decoder_weights(c, random)
    w = {name: value.to(type) for name, value in w.items()}
    if base == "llama2":
        return w, {f"model.layers.{l}.self_attn.rotary_emb.inv_freq": frequencies(10000.0, width(c), None).to(type) for l in range(2)}
    if base == "gpt2":
        return w, {f"h.{l}.attn.bias": torch.ones(20, 20).tril().view(1, 1, 20, 20) for l in range(2)}
    if base == "qwen3-tied":
        return w, {"lm_head.weight": w["model.embed_tokens.weight"]}
    return w, {}


def write(path, tensors, metadata=None):
    header, data = {"__metadata__": metadata} if metadata else {}, b""
    for name, tensor in tensors.items():
        raw = tensor.detach().contiguous()
        raw = (raw.view(torch.int16) if raw.element_size() == 2 else raw).numpy().tobytes()
        header[name] = {"dtype": TYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def write_base(base):
    tensors = {name: value for part in stored(base) for name, value in part.items()}
    names, folder, kind = sorted(tensors), FOLDER / "bases" / base, {"format": "pt"}
    if base.endswith("-shards"):
        thirds = [names[len(names) * i // 3:len(names) * (i + 1) // 3] for i in range(3)]
        files = {f"model-{i + 1:05}-of-00003.safetensors": third for i, third in enumerate(thirds)}
        for file, third in files.items():
            write(folder / file, {name: tensors[name] for name in third}, kind)
        index = {"metadata": {"total_size": sum(value.numel() * value.element_size() for value in tensors.values())}, "weight_map": {name: file for file, third in files.items() for name in third}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")
    else:
        write(folder / "model.safetensors", {name: tensors[name] for name in names}, kind)
    (folder / "config.json").write_text(json.dumps(CONFIGS[base], indent=2) + "\n")


def loss_of(model, step):
    """The mean over all tokens of all completions of a step, and the logits of every input."""
    total, counted, logits = 0, 0, []
    for example in (example for batch in step for example in batch):
        tokens, first = example["tokens"], max(example["prompt_length"], 1)
        rows = model.logits(torch.tensor(tokens[:-1]))
        logits.append(rows)
        total = total - rows.log_softmax(-1)[torch.arange(first - 1, len(rows)), tokens[first:]].sum()
        counted += len(tokens) - first
    return total / counted, torch.cat(logits)


def single(tensors, prefix=""):
    return {prefix + name: tensor.detach().to(torch.float32) for name, tensor in tensors.items()}


def make(name, seed, base, lengths, trains_base=False, adapter=None, prompts=None):
    """One case: lengths are those of the micro-batches' sequences, in tokens."""
    random, c = torch.Generator().manual_seed(seed), CONFIGS[base]
    lowest = 1 if c.get("pad_token_id") == 0 else 0  # transformers leaves look-ups of the padding token out of its embedding's gradient
    drawn = lambda length, prompt: {"tokens": torch.randint(lowest, VOCABULARY, (length,), generator=random).tolist(), "prompt_length": prompt}
    step = [[drawn(length, prompts[m][i] if prompts else 0) for i, length in enumerate(batch)] for m, batch in enumerate(lengths)]
    start = {key: value.to(torch.float64) for key, value in stored(base)[0].items()}
    factors = single(adapter.draw(start, network(c).path, network(c).transposed, random)) if adapter else {}
    w = {**start, **{key: value.to(torch.float64) for key, value in factors.items()}}
    trained = {key: value.requires_grad_() for key, value in w.items() if (trains_base if key in start else adapter.trains(key))}

    loss, logits = loss_of(network(c)(c, w, adapter or Adapter(0, 0, [])), [[*batch] for batch in step])
    gradients = dict(zip(trained, torch.autograd.grad(loss, list(trained.values()))))
    norm = torch.cat([gradient.flatten() for gradient in gradients.values()]).norm().item()
    write(FOLDER / "cases" / f"{name}.safetensors", {**factors, "logits": logits.to(torch.float32), **single(gradients, "gradient.")})
    return {"base": base, "trains_base": trains_base, "adapter": vars(adapter) if adapter else None, "optimizer": None, "steps": [step], "losses": [loss.item()], "gradient_norms": [norm]}


torch.set_num_threads(1)
for base in CONFIGS:
    write_base(base)

ALIKE = [[13, 13, 13]]
LONG = [[32, 32]]
RAGGED = [[14, 4, 11], [7, 10]]  # of two micro-batches; one sequence is shorter than the window
PROMPTS = [[3, 0, 11], [1, 6]]  # one completion is empty, one example has no prompt
CASES = {}


def case(name, *arguments, **more):
    CASES[name] = make(name, len(CASES) + 1, *arguments, **more)


case("llama2-weights", "llama2", ALIKE, trains_base=True)
case("llama2-lora", "llama2", ALIKE, adapter=Adapter(3, 7, GATED))
case("llama2-completions", "llama2", RAGGED, prompts=PROMPTS, adapter=Adapter(2, 3, ["q_proj", "v_proj"], exchanged="b"))
case("llama32-weights", "llama32", LONG, trains_base=True)
case("llama32-lora", "llama32", LONG, adapter=Adapter(2, 5, GATED))
case("llama32-completions", "llama32", RAGGED, prompts=PROMPTS, trains_base=True)
case("mistral-window-weights", "mistral-window", ALIKE, trains_base=True)
case("mistral-window-lora", "mistral-window", ALIKE, adapter=Adapter(3, 5, GATED))
case("mistral-window-completions", "mistral-window", RAGGED, prompts=PROMPTS, trains_base=True)
case("mistral-full-weights", "mistral-full", ALIKE, trains_base=True)
case("mistral-full-completions", "mistral-full", RAGGED, prompts=PROMPTS, adapter=Adapter(2, 4, GATED))
case("qwen2-tied-weights", "qwen2-tied", ALIKE, trains_base=True)
case("qwen2-tied-lora", "qwen2-tied", ALIKE, adapter=Adapter(3, 8, GATED))
case("qwen2-untied-weights", "qwen2-untied", ALIKE, trains_base=True)
case("qwen2-untied-completions", "qwen2-untied", RAGGED, prompts=PROMPTS, adapter=Adapter(2, 3, GATED, exchanged="a"))
case("qwen2-untied-both", "qwen2-untied", RAGGED, prompts=PROMPTS, trains_base=True, adapter=Adapter(1, 2, GATED))
case("qwen3-tied-weights", "qwen3-tied", ALIKE, trains_base=True)
case("qwen3-tied-lora", "qwen3-tied", ALIKE, adapter=Adapter(3, 4, GATED))
case("qwen3-untied-weights", "qwen3-untied", ALIKE, trains_base=True)
case("qwen3-untied-completions", "qwen3-untied", RAGGED, prompts=PROMPTS, adapter=Adapter(2, 5, GATED))
case("gemma2-weights", "gemma2", ALIKE, trains_base=True)
case("gemma2-lora", "gemma2", ALIKE, adapter=Adapter(3, 4, GATED))
case("gemma2-completions", "gemma2", RAGGED, prompts=PROMPTS, trains_base=True)
case("gemma3-weights", "gemma3", ALIKE, trains_base=True)
case("gemma3-lora", "gemma3", ALIKE, adapter=Adapter(2, 3, GATED))
case("gemma3-completions", "gemma3", RAGGED, prompts=PROMPTS, trains_base=True)
case("gemma3-layers-weights", "gemma3-layers", ALIKE, trains_base=True)
case("gemma3-layers-completions", "gemma3-layers", RAGGED, prompts=PROMPTS, adapter=Adapter(2, 4, GATED))
case("gpt2-weights", "gpt2", ALIKE, trains_base=True)
case("gpt2-lora", "gpt2", ALIKE, adapter=Adapter(3, 5, GPT2))
case("gpt2-completions", "gpt2", RAGGED, prompts=PROMPTS, trains_base=True)
case("gpt2-saved-weights", "gpt2-saved", ALIKE, trains_base=True)
case("gpt2-saved-completions", "gpt2-saved", RAGGED, prompts=PROMPTS, adapter=Adapter(2, 3, GPT2))
case("gpt2-dora", "gpt2-saved", ALIKE, adapter=Adapter(2, 3, GPT2, use_dora=True))
case("qwen2-dora", "qwen2-tied", ALIKE, adapter=Adapter(3, 4, GATED, use_dora=True))
case("llama31-weights", "llama31", ALIKE, trains_base=True)
case("llama31-dora", "llama31", ALIKE, adapter=Adapter(3, 5, GATED, use_dora=True))
case("llama31-dora-completions", "llama31", RAGGED, prompts=PROMPTS, adapter=Adapter(2, 3, ["down_proj", "q_proj", "v_proj"], use_dora=True, use_rslora=True))
case("llama31-rslora", "llama31", ALIKE, adapter=Adapter(5, 3, GATED, use_rslora=True))
case("llama31-patterns", "llama31", ALIKE, adapter=Adapter(
    3, 6, GATED,
    rank_pattern={"layers.0.self_attn.q_proj": 4, "mlp.down_proj": 1, "q_proj": 2},  # the first key that matches counts
    alpha_pattern={"model.layers.1.mlp.down_proj": 5, "q_proj": 1, "v_proj": 9}))
CASES["llama31-shards-weights"] = make("llama31-shards-weights", list(CASES).index("llama31-weights") + 1, "llama31-shards", ALIKE, trains_base=True)

lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(one, separators=(',', ':'))}" for name, one in CASES.items())
(FOLDER / "cases.json").write_text("{\n" + lines + "\n}\n")
