"""Muon: momentum whose step is made nearly orthogonal before it is applied.

For hidden matrices only; with AdamW in its place this model does not
find the retrieval circuit in the time there is.
"""
import torch


def orthogonalise(g, steps=5):
    """Newton-Schulz: pushes the singular values of each g (N, rows, columns) towards 1.

    Wants rows <= columns.  bfloat16 is enough, as the result need not be exact.
    """
    x = (g / (g.norm(dim=(1, 2), keepdim=True) + 1e-7)).bfloat16()
    for _ in range(steps):
        a = x @ x.transpose(1, 2)
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.float()


class Muon(torch.optim.Optimizer):
    def __init__(self, parameters, lr=0.02, momentum=0.95):
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            by_shape = {}           # matrices of one shape are handled as one stack
            for p in group["params"]:
                by_shape.setdefault(tuple(sorted(p.shape)), []).append(p)
            for matrices in by_shape.values():
                self.step_stack(matrices, group["lr"], group["momentum"])

    def step_stack(self, matrices, lr, momentum):
        ahead = []                  # Nesterov's look-ahead gradients, none of them tall
        for p in matrices:
            if "momentum" not in self.state[p]:
                self.state[p]["momentum"] = torch.zeros_like(p)
            buffer = self.state[p]["momentum"].mul_(momentum).add_(p.grad)
            g = p.grad + momentum * buffer
            ahead.append(g.T if g.shape[0] > g.shape[1] else g)
        for p, update in zip(matrices, orthogonalise(torch.stack(ahead))):
            tall = p.shape[0] > p.shape[1]
            update = update.T if tall else update
            p.add_(update, alpha=-lr * max(1, p.shape[0] / p.shape[1]) ** 0.5)
