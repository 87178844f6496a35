"""The training loss: answers, a little of everything else, two auxiliary terms.

Answers alone do not get learned in this time.  In the early stages
a probe asks that the key (name, adjective, object) can be read linearly from
the output of block 1 wherever it is in force, and two heads of layer 2 are told
where to look: head 0 from the question to the value, head 1 along a list.
Neither leaves anything in the weights that are exported, but for what it taught.
"""
import torch
import torch.nn.functional as F

PROBE_AFTER = 1         # block whose output the probe reads
SUPERVISED_LAYER = 2    # layer whose heads 0 and 1 are told where to look
OTHER_WEIGHT = 0.05     # weight of tokens that are not part of an answer
OTHER_SAMPLE = 0.25     # share of them that enters the loss at each step


class Batch:
    """Rows padded to one length: tensors (B, T), and key (B, T, 3)."""

    def __init__(self, rows, pad):
        longest = max(len(row.ids) for row in rows)

        def stack(field, empty, dtype=torch.long):
            return torch.tensor([getattr(row, field) + [empty] * (longest - len(row.ids))
                                 for row in rows], dtype=dtype)
        self.ids, self.pad = stack("ids", pad), pad
        self.weight = stack("weight", 0.0, torch.float)
        self.source, self.head = stack("source", -1), stack("head", 0)
        self.key, self.question = stack("key", (0, 0, 0)), stack("question", 0)
        self.kinds = [row.kinds for row in rows]


def token_loss(model, hidden, batch, generator):
    """Loss over answers and a sample of the other tokens; right (N) for each answer token."""
    target, weight = batch.ids[:, 1:], batch.weight[:, 1:]
    answer = weight > 0
    sampled = torch.rand(target.shape, generator=generator) < OTHER_SAMPLE
    other = ~answer & (target != batch.pad) & sampled
    hidden = hidden[:, :-1]
    logits = model.logits(torch.cat([hidden[answer], hidden[other]]))
    loss = F.cross_entropy(logits, torch.cat([target[answer], target[other]]), reduction="none")
    n, w = int(answer.sum()), weight[answer]
    of_answers = (loss[:n] * w).sum() / w.sum()
    right = logits[:n].argmax(-1) == target[answer]
    return of_answers + OTHER_WEIGHT * loss[n:].mean(), of_answers.item(), right


def exact_by_kind(batch, right):
    """kind -> (questions answered right in every token, questions); teacher forcing, greedy."""
    rows, columns = (batch.weight[:, 1:] > 0).nonzero(as_tuple=True)
    number = batch.question[rows, columns + 1]
    wrong = {(r, q) for r, q, ok in zip(rows.tolist(), number.tolist(), right.tolist()) if not ok}
    counts = {}
    for r, kinds in enumerate(batch.kinds):
        for q, kind in enumerate(kinds, 1):
            good, n = counts.get(kind, (0, 0))
            counts[kind] = (good + ((r, q) not in wrong), n + 1)
    return counts


def probe_loss(model, probe, trace, batch, key_words):
    """Cross-entropy of reading (name, adjective, object) from the output of block 1.

    key_words: ids of all names, adjectives and objects, the classes to choose from.
    """
    known = batch.key[..., 0] > 0
    class_of = torch.zeros(model.config.vocab, dtype=torch.long)
    class_of[key_words] = torch.arange(len(key_words))
    h = trace[PROBE_AFTER][0][known]
    h = h * torch.rsqrt(h.pow(2).mean(-1, keepdim=True) + 1e-5)
    logits = probe(h).view(-1, model.config.dim) @ model.embed[key_words].T
    return F.cross_entropy(logits, class_of[batch.key[known].flatten()])


def attention_loss(trace, batch):
    """Cross-entropy of the supervised heads' attention against the source positions."""
    _, queries, keys = trace[SUPERVISED_LAYER]
    wanted = torch.stack([(batch.source >= 0) & (batch.head == h) for h in (0, 1)], 1)
    row, head, at = wanted.nonzero(as_tuple=True)           # sorted by row, then head
    counts = wanted.sum(-1).flatten().tolist()
    query = (queries[row, head, at] * queries.shape[-1] ** -0.5).split(counts)
    pairs = zip(query, keys[:, :2].flatten(0, 1).unbind(0))
    scores = torch.cat([q @ k.T for q, k in pairs])         # (N, T)
    future = torch.arange(keys.shape[2])[None] > at[:, None]
    return F.cross_entropy(scores.masked_fill(future, -1e30), batch.source[row, at])
