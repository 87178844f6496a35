"""Training rows: one context, then many questions about it, with their labels.

Many questions after one context make supervision dense: a row of 2,000 tokens
carries about twenty answers instead of one.  Facts come from a small grid of
names x items x kinds, so a fact's neighbours share its name, its item or both,
and no single word of the key is enough to find the value.
"""
from typing import NamedTuple

from grammar import (ADJECTIVES, ASK, CONTEXT, KINDS, NAMES, NOT_STATED, OBJECTS, REPLY, Cell, ask,
                     draw_value, filler, held_out, state)

KIND_WEIGHTS = (2, 2, 2, 2, 1.5)        # lists are long: a little fewer of them
MEAN_FACT = 13.5                        # tokens, about
# Weight of a token in the answer loss.  The first word of an answer is the retrieval
# itself; in a list the rest is many, and every second token is a comma.
FIRST, COMMA, GOOD = 1.0, 0.1, 1.0
NO_SOURCE = -1


class Row(NamedTuple):
    """One training row; every list is as long as ids."""
    ids: list           # token ids
    weight: list        # weight of predicting this token as part of an answer, 0: no answer
    source: list        # position that a query here must attend to, NO_SOURCE: any
    head: list          # which supervised head has to: 0 finds the value, 1 walks a list
    key: list           # (name, adjective, object) ids that are in force here, (0, 0, 0): none
    question: list      # 1, 2, ... within a question's answer, 0 elsewhere
    kinds: list         # kind of question 1, 2, ...; "absent" when no fact answers it


def grid(rng, facts, hard, curriculum):
    """Names, items and kinds for about this many facts; hard > 1 makes the grid denser."""
    n_names = max(2, round(1.3 * facts ** 0.5 / hard))
    n_items = max(2, round(facts ** 0.5 / hard))
    kinds = KINDS
    if rng.random() < curriculum:       # easier: the name alone, or the item alone, decides
        if rng.random() < 0.5:
            n_names, n_items = facts + 1, rng.choice((1, 2, 2, 3))
        else:
            n_names, n_items = rng.choice((1, 2, 2, 3)), facts + 1
        if rng.random() < 0.5:
            kinds = (rng.choice(KINDS),)
    names = rng.sample(NAMES, min(len(NAMES), n_names))
    adjectives = rng.sample(ADJECTIVES, min(len(ADJECTIVES), max(2, round(0.7 * n_items))))
    objects = rng.sample(OBJECTS, min(len(OBJECTS), max(2, round(0.8 * n_items))))
    items = [(a, o) for a in adjectives for o in objects if not held_out(a, o)]
    return names, rng.sample(items, min(len(items), n_items)), kinds


def draw_cell(rng, names, items, kinds):
    weights = [KIND_WEIGHTS[KINDS.index(k)] for k in kinds]
    return Cell(rng.choices(kinds, weights)[0], rng.choice(names), *rng.choice(items))


def training_row(rng, vocab, length, stage):
    """A row of at most `length` tokens, drawn the way `stage` (see train.STAGES) says."""
    for_questions = stage.question_share * length
    for_context = length - for_questions - 1 - len(CONTEXT)
    for_facts = for_context * (1 - rng.uniform(*stage.filler))
    names, items, kinds = grid(rng, int(for_facts / MEAN_FACT) + 1, rng.uniform(*stage.hard),
                               stage.curriculum)
    facts, used, size = [], set(), 0
    for _ in range(int(length / 2)):
        cell = draw_cell(rng, names, items, kinds)
        fact = state(rng, cell, draw_value(rng, cell.kind, stage.list_items))
        if cell in used or size + len(fact.words) > for_context:
            continue
        used.add(cell)
        facts.append(fact)
        size += len(fact.words)
        if size >= for_facts:
            break
    sentences = list(facts)
    while size < for_context - 9:
        sentences.append(filler(rng))
        size += len(sentences[-1])
    rng.shuffle(sentences)

    row, value_at = lay_context(vocab, sentences)
    for fact in rng.sample(facts, len(facts)):
        cell, value = fact.cell, fact.value
        if rng.random() < stage.absent:
            cell, value = draw_cell(rng, names, items, kinds), NOT_STATED
            if cell in used:
                continue
        if not add_question(row, vocab, cell, value, value_at.get(cell), length):
            break
    return row


def lay_context(vocab, sentences):
    """A row that holds the context, and cell -> position of its value's first token."""
    row = Row([vocab.bos] + vocab.encode_words(CONTEXT), [], [], [], [(0, 0, 0)] * 3, [], [])
    value_at = {}
    for sentence in sentences:
        start, cell = len(row.ids), getattr(sentence, "cell", None)
        words = sentence.words if cell else sentence
        row.ids.extend(vocab.encode_words(words))
        if cell:
            value_at[cell] = start + sentence.value_at
            key = tuple(vocab.encode_words(cell[1:]))
            row.key.extend([(0, 0, 0)] * sentence.key_end + [key] * (len(words) - sentence.key_end))
        else:
            row.key.extend([(0, 0, 0)] * len(words))
    n = len(row.ids)
    row.weight.extend([0.0] * n)
    row.source.extend([NO_SOURCE] * n)
    row.head.extend([0] * n)
    row.question.extend([0] * n)
    return row, value_at


def add_question(row, vocab, cell, value, at, length):
    """Append question, answer and end token; False when the row has no room for them.

    at: position of the value in the context, None when it is not stated (the
    query then rests on token 0).  A query at token t predicts token t + 1.
    """
    words, key_end = ask(cell)
    prompt, key_end = [*ASK, *words, *REPLY], key_end + len(ASK)
    if len(row.ids) + len(prompt) + len(value) + 1 > length:
        return False
    row.kinds.append("absent" if at is None else cell.kind)
    n_prompt, n_answer, is_list = len(prompt), len(value) + 1, cell.kind == "list" and at
    row.ids.extend(vocab.encode_words(prompt) + vocab.encode_words(value) + [vocab.end])
    row.question.extend([0] * n_prompt + [len(row.kinds)] * n_answer)
    key = tuple(vocab.encode_words(cell[1:]))
    row.key.extend([(0, 0, 0)] * key_end + [key] * (n_prompt - key_end + n_answer))

    rest = [COMMA if w == "," else GOOD if is_list else FIRST for w in value[1:]]
    row.weight.extend([0.0] * n_prompt + [FIRST] + rest + [FIRST])
    # From "?" to "answer :" attend to the first word of the value, then to each next one;
    # in a list the last good looks at the full stop behind it, which means: end.
    row.source.extend([NO_SOURCE] * (n_prompt - 3) + [at or 0] * 3)
    walk = [NO_SOURCE] * len(value) if at is None else [at + i for i in range(1, len(value) + 1)]
    if not is_list:
        walk[-1] = NO_SOURCE
    row.source.extend(walk + [NO_SOURCE])
    row.head.extend([0] * n_prompt + [1 if is_list else 0] * n_answer)
    return True
