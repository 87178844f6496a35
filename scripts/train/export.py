#!/usr/bin/env python3
"""Checkpoint to GGUF:  python3 scripts/train/export.py runs/train/checkpoint.pt recall.gguf

Architecture "llama" rotates the pairs (2i, 2i + 1), training the pairs
(i, i + half): the rows of the query and key matrices are put in the new order.
Matrices are float16, norms float32; the output matrix is the embedding.
"""
import argparse

import numpy as np
import torch

import gguf
from model import Config
from vocab import BOS, Vocabulary

NORMAL, CONTROL = 1, 3
F16_FILE = 1
USER_PREFIX, GENERATION_PROMPT = " ", " answer :"
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ '" + USER_PREFIX + "' + message['content'] }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '" + GENERATION_PROMPT + "' }}{% endif %}")
PARTS = {"q": "attn_q", "k": "attn_k", "v": "attn_v", "o": "attn_output", "gate": "ffn_gate",
         "up": "ffn_up", "down": "ffn_down", "attn_norm.weight": "attn_norm",
         "ffn_norm.weight": "ffn_norm"}


def interleave(weight, heads):
    """Rows of each head from (a0 a1 .. b0 b1 ..) to (a0 b0 a1 b1 ..)."""
    rows, columns = weight.shape
    return weight.view(heads, 2, rows // heads // 2, columns).transpose(1, 2).reshape(rows, columns)


def tensors_of(state, config):
    """GGUF name -> array, from a model's state_dict."""
    def array(tensor):
        kind = np.float16 if tensor.dim() == 2 else np.float32
        return tensor.detach().float().contiguous().numpy().astype(kind)
    out = {"token_embd.weight": array(state["embed"]),
           "output_norm.weight": array(state["norm.weight"])}
    for layer in range(config.layers):
        for ours, theirs in PARTS.items():
            tensor = state[f"blocks.{layer}.{ours}"]
            if ours in ("q", "k"):
                tensor = interleave(tensor, config.heads)
            out[f"blk.{layer}.{theirs}.weight"] = array(tensor)
    return out


def metadata_of(vocab, config):
    types = [CONTROL if t in vocab.control else NORMAL for t in vocab.tokens]
    return {
        "general.architecture": "llama",
        "general.name": "KV Transition recall",
        "general.file_type": F16_FILE,
        "general.alignment": gguf.ALIGNMENT,
        "llama.vocab_size": config.vocab,
        "llama.context_length": config.context,
        "llama.embedding_length": config.dim,
        "llama.block_count": config.layers,
        "llama.feed_forward_length": config.hidden,
        "llama.attention.head_count": config.heads,
        "llama.attention.head_count_kv": config.heads,
        "llama.attention.key_length": config.head_dim,
        "llama.attention.value_length": config.head_dim,
        "llama.attention.layer_norm_rms_epsilon": config.eps,
        "llama.rope.dimension_count": config.head_dim,
        "llama.rope.freq_base": config.rope_base,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": vocab.tokens,
        "tokenizer.ggml.token_type": types,
        "tokenizer.ggml.merges": [f"{left} {right}" for left, right in vocab.merges],
        "tokenizer.ggml.bos_token_id": vocab.bos,
        "tokenizer.ggml.eos_token_id": vocab.end,
        "tokenizer.ggml.padding_token_id": vocab.pad,
        "tokenizer.ggml.add_bos_token": True,
        "tokenizer.ggml.add_eos_token": False,
        "tokenizer.ggml.add_space_prefix": False,
        "tokenizer.chat_template": CHAT_TEMPLATE,
        "kvt.chat.user_prefix": USER_PREFIX,
        "kvt.chat.generation_prompt": GENERATION_PROMPT,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint")
    parser.add_argument("gguf")
    options = parser.parse_args()
    state, vocab = torch.load(options.checkpoint), Vocabulary()
    config = Config(len(vocab.tokens))
    gguf.write(options.gguf, metadata_of(vocab, config), tensors_of(state["model"], config))
    print(f"{options.gguf}: step {state['step']}, {state['tokens']} tokens, {BOS} = {vocab.bos}")


if __name__ == "__main__":
    main()
