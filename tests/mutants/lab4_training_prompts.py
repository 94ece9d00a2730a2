"""Lab 4: a net, its training data, the loop, and prompts."""

from tests.mutants import Style, wrong

SLOW = ("4.3", "4.5")  # they train a net

JUMP = "x_t, z = forward_diffusion_fast(x_0, alpha_bar, t, rng)"
TIMES = "t = rng.integers(1, T + 1, size=n)"
STACK = "inputs = np.stack([x_t, t / T], axis=1)"
TARGET = "target = z[:, None]"
LOSS = "loss = torch.mean((z_hat - target) ** 2)"
STEP = "        optimizer.zero_grad()\n        loss.backward()\n        optimizer.step()\n"
TRAINED = "losses = train(net, steps=1500, batch_size=256, lr=0.03)"
COLUMNS = "np.stack([x_t, np.full(len(x_t), t / T)], axis=1)"
ANSWER = "model(torch.tensor(inputs, dtype=torch.float32)).numpy()[:, 0]"
PROMPTS = 'prompt = np.where(x_0 > 0, embed_prompt("right"), embed_prompt("left"))'
ASKED = "np.stack(np.broadcast_arrays(x_t, t / T, embed_prompt(prompt)), axis=1)"
MIXED = "ask(0) + w * (ask(prompt) - ask(0))"
COIN = "rng.random(len(inputs)) < p_drop"


_net = wrong("4.1", "layers")
_batch = wrong("4.2", "match")
_train = wrong("4.3", "losses")
_guess = wrong("4.4")
_prompted = wrong("4.5", "prompt")
_guided = wrong("4.6")

MUTANTS = (
    _net("16 units", "15", "16"),
    _net("one hidden layer", "nn.Linear(15, 15),\n        nn.ReLU(),", ""),
    _net("three hidden layers", "nn.Linear(15, 15),",
         "nn.Linear(15, 15),\n        nn.ReLU(),\n        nn.Linear(15, 15),"),
    _net("no bias", "nn.Linear(15, 15)", "nn.Linear(15, 15, bias=False)"),
    _net("tanh", "nn.ReLU()", "nn.Tanh()", "activation"),
    _net("sigmoid", "nn.ReLU()", "nn.Sigmoid()", "activation"),
    _net("no activation", "        nn.ReLU(),\n", "", "activation"),
    _net("one activation only", "nn.Linear(15, 15),\n        nn.ReLU(),", "nn.Linear(15, 15),", "activation"),
    _net("ReLU after the output", "nn.Linear(15, 1),", "nn.Linear(15, 1),\n        nn.ReLU(),", "activation"),
    _net("a guess between -1 and 1", "nn.Linear(15, 1),", "nn.Linear(15, 1),\n        nn.Tanh(),", "activation"),
    _net("dropout", "nn.Linear(15, 1),", "nn.Dropout(),\n        nn.Linear(15, 1),", "activation"),
    _net("two outputs", "nn.Linear(15, 1)", "nn.Linear(15, 2)", "shape"),
    _net("always two inputs", "n_input, 15", "2, 15", "shape"),
    _net("answers (B,) for (B, 1)", "nn.Linear(15, 1),", "nn.Linear(15, 1),\n        nn.Flatten(0),", "shape"),
    _net("inputs and outputs swapped", "nn.Linear(n_input, 15)", "nn.Linear(15, n_input)", "shape"),
    _net("the same weights every time", "return nn", "torch.manual_seed(0)\n    return nn", "fresh"),
    _batch("one time for the whole batch", TIMES, "t = np.full(n, rng.integers(1, T + 1))", "times"),
    _batch("a constant time input", "t / T]", "np.full(n, 0.5)]", "times"),
    _batch("t reversed", "t / T]", "(T + 1 - t) / T]"),
    _batch("1 - t/T", "t / T]", "1 - t / T]", ("time", "match")),
    _batch("raw t", "t / T]", "t]", "time"),
    _batch("t - 1, as if counting from 0", "t / T]", "(t - 1) / T]", ("time", "match")),
    _batch("t from 0", "integers(1, T + 1", "integers(0, T + 1", "time"),
    _batch("T never drawn", "integers(1, T + 1", "integers(1, T", "times"),
    _batch("small times more often", TIMES, "t = np.ceil(T * rng.random(n) ** 2).astype(int)", "times"),
    _batch("every time in turn", TIMES, "t = np.arange(n) % 20 + 1", "times"),
    _batch("columns swapped", "[x_t, t / T]", "[t / T, x_t]", "time"),
    _batch("fresh noise as the target", TARGET, "target = rng.standard_normal((n, 1))"),
    _batch("minus the noise", TARGET, "target = -z[:, None]"),
    _batch("x_0 as the target", TARGET, "target = x_0[:, None]", ("match", "mean", "spread", "law")),
    _batch("x_t as the target", TARGET, "target = x_t[:, None]", ("match", "mean", "spread", "law")),
    _batch("x_t minus x_0 as the target", TARGET, "target = (x_t - x_0)[:, None]", ("match", "mean", "spread", "law")),
    _batch("x_0 in the place of x_t", "[x_t,", "[x_0,"),
    _batch("alpha_bar as the mean", JUMP,
           "z = rng.standard_normal(n)\n    x_t = alpha_bar[t] * x_0 + np.sqrt(1 - alpha_bar[t]) * z"),
    _batch("1 - alpha_bar as the noise scale", JUMP,
           "z = rng.standard_normal(n)\n    x_t = np.sqrt(alpha_bar[t]) * x_0 + (1 - alpha_bar[t]) * z"),
    _batch("beta in the place of 1 - alpha_bar", JUMP,
           "z = rng.standard_normal(n)\n    x_t = np.sqrt(alpha_bar[t]) * x_0 + np.sqrt(beta[t]) * z"),
    _batch("one noise for the whole batch", JUMP,
           "z = np.full(n, rng.standard_normal())\n"
           "    x_t = np.sqrt(alpha_bar[t]) * x_0 + np.sqrt(1 - alpha_bar[t]) * z",
           "independence"),
    _batch("uniform noise of the right variance", JUMP,
           "z = (rng.random(n) - 0.5) * 12**0.5\n"
           "    x_t = np.sqrt(alpha_bar[t]) * x_0 + np.sqrt(1 - alpha_bar[t]) * z",
           "law"),
    _batch("both points equally likely", "sample_two_points(n, rng)", "rng.choice([0.4, -0.6], n)", "weights"),
    _batch("one point only", "sample_two_points(n, rng)", "np.full(n, 0.4)", "weights"),
    _batch("one data point for the whole batch", "sample_two_points(n, rng)", "np.repeat(sample_two_points(1, rng), n)",
           "weights"),
    _batch("a seed inside", "np.random.default_rng(rng)", "np.random.default_rng(0)", "repeat"),
    _batch("target of shape (n,)", TARGET, "target = z", "shape"),
    _batch("double precision", "float32", "float64", "shape"),
    _batch("inputs only", "axis=1)\n", "axis=1)\n    return torch.tensor(inputs, dtype=torch.float32)\n", "shape"),
    _train("no zero_grad", "        optimizer.zero_grad()\n", "", "learning"),
    _train("zero_grad after backward", STEP, STEP.replace("        optimizer.zero_grad()\n", "").replace(
        "        optimizer.step()", "        optimizer.zero_grad()\n        optimizer.step()"), "learning"),
    _train("no backward", "        loss.backward()\n", "", "learning"),
    _train("no step", "        optimizer.step()\n", "", "learning"),
    _train("rate never rises", "        scheduler.step()\n", "", "learning"),
    _train("uphill", "loss.backward()", "(-loss).backward()", "learning"),
    _train("(B, 1) - (B,) broadcasts", LOSS, LOSS.replace("target", "target[:, 0]")),
    _train("the net's answer flattened", LOSS, LOSS.replace("z_hat", "z_hat[:, 0]")),
    _train("sum of squares", LOSS, LOSS.replace("mean", "sum")),
    _train("mean distance", LOSS, "loss = torch.mean(torch.abs(z_hat - target))"),
    _train("root mean square", LOSS, "loss = torch.sqrt(torch.mean((z_hat - target) ** 2))"),
    _train("error not squared", LOSS, "loss = torch.mean(z_hat - target)"),
    _train("one batch for all steps", "        inputs, target = batch",
           "        if not losses:\n            inputs, target = batch"),
    _train("batch size ignored", "batch(batch_size)", "batch(256)"),
    _train("rate ignored", "lr=lr", "lr=0.03"),
    _train("steps ignored", "range(steps)", "range(100)", "shape"),
    _train("last loss only", "    return losses", "    return losses[-1]", "shape"),
    _train("loss before the shape is checked", "if z_hat.shape != target.shape", "if False", "error"),
    _train("refuses without naming the shape", 'raise ValueError(f"the net answers {tuple(z_hat.shape)}, '
           'the target is {tuple(target.shape)}")', 'raise ValueError("wrong shape")', "error"),
    _train("no gradients", "z_hat = net(inputs)", "z_hat = net(inputs).detach()", "error"),
    _train("100 steps only", "steps=1500", "steps=100", "excess"),
    _train("another net was trained", TRAINED, TRAINED.replace("net,", "make_net(2),"), "excess"),
    _train("rate far too small", "lr=0.03", "lr=1e-5", "excess"),
    _train("rate far too large", "lr=0.03", "lr=10.0", "excess"),
    _train("training diverged", TRAINED, TRAINED + "\nnext(net.parameters()).data.fill_(float('nan'))", "diverged"),
    _train("a net with three inputs", "net = make_net(2)\n" + TRAINED,
           "net = make_net(3)\nlosses = train(net, 99, 256, 0.03, lambda n: (torch.randn(n, 3), torch.randn(n, 1)))",
           "shape"),
    _train("trained on raw t", "lr=0.03",
           "lr=0.03, batch=lambda n: (lambda i, z: (i * torch.tensor([1, T]), z))(*training_batch(n))", "excess"),
    _guess("raw t", "t / T", "t"),
    _guess("t reversed", "t / T", "1 - t / T"),
    _guess("t counted from 0", "t / T", "(t - 1) / T"),
    _guess("t ignored", "t / T", "0.5"),
    _guess("columns swapped", COLUMNS, "np.stack([np.full(len(x_t), t / T), x_t], axis=1)"),
    _guess("minus the guess", ANSWER, "-" + ANSWER),
    _guess("the score in the place of the noise", ANSWER, ANSWER + " / np.sqrt(1 - alpha_bar[t])"),
    _guess("one particle for all", COLUMNS, COLUMNS.replace("[x_t,", "[np.full(len(x_t), x_t[0]),")),
    _guess("x_t scaled", COLUMNS, COLUMNS.replace("[x_t,", "[x_t / np.sqrt(alpha_bar[t]),")),
    _guess("always its own net", "return model(", "return make_net(2)("),
    _guess("shape (n, 1)", ANSWER, ANSWER.replace("[:, 0]", ""), "shape"),
    _guess("a single number", ANSWER, ANSWER + ".mean()", "shape"),
    _guess("a tensor that drags its gradients along", f"with torch.no_grad():\n        return {ANSWER}",
           f"return {ANSWER.replace('.numpy()', '')}", "shape"),
    _guess("double precision", "float32", "float64", "error"),
    _prompted("prompts swapped", '-1.0 if prompt == "left" else 1.0', '1.0 if prompt == "left" else -1.0', "value"),
    _prompted("left is 0", "return -1.0 if", "return 0.0 if", "value"),
    _prompted("any other prompt is right", 'prompt not in ("left", "right")', "False", "error"),
    _prompted("an unknown prompt gives None", "raise ValueError(f\"unknown prompt {prompt!r}: say 'left' or 'right'\")",
              "return None", "error"),
    _prompted("a refusal that does not name the prompt", "{prompt!r}", "", "error"),
    _prompted("a KeyError", '    if prompt not in ("left", "right"):\n',
              '    {"left": 0, "right": 1}[prompt]\n    if False:\n', "error"),
    _prompted("swapped in the batch", "x_0 > 0", "x_0 < 0"),
    _prompted("random in the batch", PROMPTS, "prompt = rng.choice([-1.0, 1.0], n)"),
    _prompted("one for the whole batch", PROMPTS, "prompt = np.full(n, embed_prompt('right'))"),
    _prompted("zeros in the batch", PROMPTS, "prompt = np.zeros(n)"),
    _prompted("by the side of x_t", "x_0 > 0", "x_t > 0"),
    _prompted("by the sign of the noise", "x_0 > 0", "z > 0"),
    _prompted("both prompts equally often", "sample_two_points(n, rng)", "rng.choice([0.4, -0.6], n)", "weights"),
    _prompted("one time for the whole batch", TIMES, "t = np.full(n, rng.integers(1, T + 1))", "times"),
    _prompted("fresh noise as the target", "torch.tensor(z[:, None], ", "torch.tensor(rng.standard_normal((n, 1)), ",
              "match"),
    _prompted("prompt left out of the inputs", "[x_t, t / T, prompt]", "[x_t, t / T]", "shape"),
    _prompted("prompt before the time", "[x_t, t / T, prompt]", "[x_t, prompt, t / T]", ("time", "times")),
    _prompted("a net that was not trained", "prompted_losses = train(prompted_net",
              "prompted_losses = train(make_net(3)", "side"),
    _prompted("trained on random prompts", "batch=prompted_batch",
              "batch=lambda n: (lambda i, z: (i * torch.tensor([1, 1, 0]), z))(*prompted_batch(n))", "side"),
    _prompted("trained on swapped prompts", "batch=prompted_batch",
              "batch=lambda n: (lambda i, z: (i * torch.tensor([1, 1, -1]), z))(*prompted_batch(n))", "side"),
    _prompted("prompt ignored in the guess", "embed_prompt(prompt)), axis", "0 * embed_prompt(prompt)), axis", "value"),
    _prompted("always right in the guess", "embed_prompt(prompt)), axis", "embed_prompt('right')), axis",
              ("error", "value")),
    _prompted("prompt swapped in the guess", "embed_prompt(prompt)), axis", "-embed_prompt(prompt)), axis", "value"),
    _prompted("raw t in the guess", "broadcast_arrays(x_t, t / T", "broadcast_arrays(x_t, t", "value"),
    _prompted("prompt before the time in the guess", ASKED,
              "np.stack(np.broadcast_arrays(x_t, embed_prompt(prompt), t / T), axis=1)", "value"),
    _guided("writes into its input", "inputs.clone()", "inputs", "untouched"),
    _guided("one coin for the whole batch", COIN, "np.full(len(inputs), rng.random() < p_drop)", "dropped"),
    _guided("keeps with p_drop", COIN, COIN.replace("<", ">"), "dropped"),
    _guided("always a half", COIN, COIN.replace("p_drop", "0.5"), "dropped"),
    _guided("the first rows only", COIN, "np.arange(len(inputs)) < p_drop * len(inputs)", "dropped"),
    _guided("the same rows every time", "np.random.default_rng(rng)", "np.random.default_rng(0)", "repeat"),
    _guided("only right prompts", COIN, COIN + ") & (inputs[:, 2] > 0", "dropped"),
    _guided("all columns", "< p_drop), 2] = 0", "< p_drop)] = 0", "untouched"),
    _guided("never", "dropped[torch.tensor(rng.random(len(inputs)) < p_drop), 2] = 0", "pass", "dropped"),
    _guided("1 + w", MIXED, MIXED.replace("w *", "(1 + w) *")),
    _guided("roles swapped", MIXED, "ask(prompt) + w * (ask(0) - ask(prompt))"),
    _guided("weight ignored", MIXED, "ask(prompt)"),
    _guided("minus", MIXED, "ask(0) - w * (ask(prompt) - ask(0))"),
    _guided("prompted answer scaled", MIXED, "w * ask(prompt)"),
    _guided("a sum of both", MIXED, "ask(0) + w * ask(prompt)"),
    _guided("away from the prompt", MIXED, "ask(0) + w * (ask(prompt) - ask(-prompt))"),
    _guided("weight cut off at 1", MIXED, MIXED.replace("w *", "np.clip(w, 0, 1) *")),
    _guided("weight on the prompt", MIXED, "ask(w * prompt)"),
    _guided("raw t", "t / T", "t"),
)  # fmt: skip

STYLES = (
    Style("4.1", "a class", '''
class Net(nn.Module):
    def __init__(self, n_input):
        super().__init__()
        self.out = nn.Linear(15, 1)
        self.second, self.first = nn.Linear(15, 15), nn.Linear(n_input, 15)

    def forward(self, x):
        return self.out(torch.relu(self.second(torch.relu(self.first(x)))))


make_net = Net
'''),
    Style("4.1", "layers in a list", '''
def make_net(n_input):
    layers = []
    for a, b in ((n_input, 15), (15, 15)):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(15, 1))
'''),
    Style("4.2", "a loop over particles", '''
def training_batch(n, rng=None):
    rows, noises = [], []
    for _ in range(n):
        x_0 = 0.4 if np.random.random() < 0.8 else -0.6
        t, z = np.random.randint(1, T + 1), np.random.randn()
        rows.append([np.sqrt(alpha_bar[t]) * x_0 + np.sqrt(1 - alpha_bar[t]) * z, t / T])
        noises.append([z])
    return torch.tensor(rows, dtype=torch.float32), torch.tensor(noises, dtype=torch.float32)
'''),
    Style("4.2", "numpy legacy", '''
def training_batch(n, rng=None):
    x_0, t = np.random.choice([0.4, -0.6], n, p=[0.8, 0.2]), np.random.randint(1, T + 1, n)
    z = np.random.normal(size=n)
    x_t = alpha_bar[t] ** 0.5 * x_0 + (1 - alpha_bar[t]) ** 0.5 * z
    return torch.from_numpy(np.c_[x_t, t / T]).float(), torch.from_numpy(z).float().reshape(-1, 1)
'''),
    Style("4.2", "torch throughout", '''
def training_batch(n, rng=None):
    kept = torch.as_tensor(alpha_bar, dtype=torch.float32)
    x_0 = torch.where(torch.rand(n, 1) < 0.8, 0.4, -0.6)
    t = torch.randint(1, T + 1, (n, 1))
    z = torch.randn(n, 1)
    x_t = kept[t].sqrt() * x_0 + (1 - kept[t]).sqrt() * z
    return torch.cat([x_t, t / T], dim=1), z
'''),
    Style("4.3", "torch's loss, a constant rate", '''
def train(net, steps, batch_size, lr, batch=training_batch):
    optimizer, measure = torch.optim.Adam(net.parameters(), lr), nn.MSELoss()
    losses = np.zeros(steps)
    for k in range(steps):
        inputs, target = batch(batch_size)
        answer = net(inputs)
        if answer.shape != target.shape:
            raise ValueError(f"shapes {tuple(answer.shape)} and {tuple(target.shape)}")
        loss = measure(answer, target)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses[k] = loss.item()
    return losses


net = make_net(2)
losses = train(net, 2000, 256, 0.01)
'''),
    Style("4.3", "losses kept as tensors, smaller batches", '''
def train(net, steps, batch_size, lr, batch=training_batch):
    optimizer = torch.optim.AdamW(net.parameters(), lr, weight_decay=0)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    losses = []
    for inputs, target in (batch(batch_size) for _ in tqdm(range(steps), disable=None)):
        if net(inputs).shape != target.shape:
            raise ValueError(f"the net gives {net(inputs).shape}: {tuple(net(inputs).shape)}")
        loss = (net(inputs) - target).square().mean()
        for parameter in net.parameters():
            parameter.grad = None
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append(loss.detach())
    return losses


net = make_net(2)
losses = train(net, 3000, 64, 0.02)
'''),
    Style("4.4", "torch columns", '''
@torch.no_grad()
def guess_z_net(x_t, t, model=None):
    model = net if model is None else model
    x = torch.as_tensor(x_t, dtype=torch.float32).reshape(-1, 1)
    return model(torch.cat([x, torch.full_like(x, t / T)], 1)).squeeze(1).numpy()
'''),
    Style("4.4", "a loop over particles", '''
def guess_z_net(x_t, t, model=None):
    model = net if model is None else model
    return np.array([model(torch.tensor([[x, t / T]], dtype=torch.float32)).item() for x in x_t])
'''),
    Style("4.5", "a dictionary, numpy legacy", '''
NUMBERS = {"left": -1, "right": 1}


def embed_prompt(prompt):
    if prompt not in NUMBERS:
        raise ValueError(f"{prompt} is none of {list(NUMBERS)}")
    return NUMBERS[prompt]


def prompted_batch(n, rng=None):
    right = np.random.rand(n) < 0.8
    t, z = np.random.randint(1, T + 1, n), np.random.normal(size=n)
    x_t = np.sqrt(alpha_bar[t]) * np.where(right, 0.4, -0.6) + np.sqrt(1 - alpha_bar[t]) * z
    return torch.from_numpy(np.c_[x_t, t / T, 2.0 * right - 1]).float(), torch.from_numpy(z).float()[:, None]


prompted_net = make_net(3)
prompted_losses = train(prompted_net, 1500, 256, 0.03, prompted_batch)
'''),
    Style("4.5", "torch, words in a loop", '''
def prompted_batch(n, rng=None):
    words = ["right" if u < 0.8 else "left" for u in torch.rand(n)]
    prompt = torch.tensor([[embed_prompt(word)] for word in words])
    x_0 = torch.where(prompt > 0, 0.4, -0.6)
    t, z = torch.randint(1, T + 1, (n, 1)), torch.randn(n, 1)
    kept = torch.tensor(alpha_bar, dtype=torch.float32)[t]
    return torch.cat([kept.sqrt() * x_0 + (1 - kept).sqrt() * z, t / T, prompt], 1), z


def guess_z_prompted(x_t, t, prompt, model=None):
    model = prompted_net if model is None else model
    rest = torch.tensor([t / T, embed_prompt(prompt)], dtype=torch.float32).expand(len(x_t), 2)
    with torch.no_grad():
        return model(torch.cat([torch.tensor(x_t, dtype=torch.float32)[:, None], rest], 1)).flatten().numpy()
'''),
    Style("4.6", "torch", '''
def drop_prompts(inputs, p_drop, rng=None):
    keep = torch.ones_like(inputs)
    keep[:, 2] = (torch.rand(len(inputs)) >= p_drop).float()
    return inputs * keep


@torch.no_grad()
def guess_z_guided(x_t, t, prompt, w, model):
    x = torch.tensor(x_t, dtype=torch.float32)[:, None]
    with_it, without = (model(torch.cat([x, 0 * x + t / T, 0 * x + p], 1))[:, 0] for p in (prompt, 0))
    return (w * with_it + (1 - w) * without).numpy()
'''),
    Style("4.6", "a loop over particles, numpy legacy", '''
def drop_prompts(inputs, p_drop, rng=None):
    rows = [[*row[:2], 0.0 if np.random.rand() < p_drop else row[2]] for row in inputs.tolist()]
    return torch.tensor(rows)
'''),
)  # fmt: skip
