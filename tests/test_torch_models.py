"""The networks compute what the slides draw: layer by layer in NumPy, and word by word."""

import re

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view

from adam_course.pytorch import CNN, RNN


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def count(module):
    return sum(p.numel() for p in module.parameters())


def weights(module):
    return {name: p.detach().double().numpy() for name, p in module.named_parameters()}


@pytest.fixture(scope="module")
def images():
    return torch.tensor(np.random.default_rng(0).random((3, 28, 28)), dtype=torch.float32)


@pytest.fixture(scope="module")
def cnn():
    return CNN(seed=1)


# ------------------------------------------------------------------------ CNN


def test_the_cnns_parameters_are_counted_layer_by_layer(cnn):
    # A 3 × 3 kernel for each pair of channels, a weight for each pair of units, and biases.
    conv = [32 * (1 * 3 * 3 + 1), 64 * (32 * 3 * 3 + 1)]
    full = [128 * (64 * 5 * 5 + 1), 10 * (128 + 1)]
    assert [count(getattr(cnn, name)) for name in ("conv1", "conv2", "fc1", "fc2")] == conv + full
    assert count(cnn) == sum(conv + full) == 225_034
    assert {p.dtype for p in cnn.parameters()} == {torch.float32}


def test_the_cnns_shapes_are_those_of_the_slide(cnn, images):
    trace = cnn.shapes(images)
    assert [name for name, _ in trace] == [
        "images", "conv1", "relu", "pool", "conv2", "relu", "pool", "flatten", "fc1", "relu", "fc2",
    ]  # fmt: skip
    side, sides = 28, [28]
    for _ in range(2):
        sides += [side - 2, side - 2, (side - 2) // 2]
        side = sides[-1]
    assert [shape[-1] for _, shape in trace[:7]] == sides == [28, 26, 26, 13, 11, 11, 5]
    assert [shape[1] for _, shape in trace] == [1, 32, 32, 32, 64, 64, 64, 1600, 128, 128, 10]
    assert all(shape[0] == 3 for _, shape in trace)
    assert all(shape[2] == shape[3] for _, shape in trace[:7])
    assert [shape[1:] for _, shape in cnn.shapes()] == [shape[1:] for _, shape in trace]
    assert cnn.shapes()[-1] == ("fc2", (1, 10))


def test_tracing_shapes_leaves_no_gradient_and_moves_nothing(cnn, images):
    before = {name: p.detach().clone() for name, p in cnn.named_parameters()}
    cnn.shapes(images)
    for name, p in cnn.named_parameters():
        assert p.grad is None
        assert torch.equal(p, before[name])


def convolved(x, kernels, biases):
    """Σ over input channels and the 3 × 3 window: (n, c, s, s) to (n, k, s − 2, s − 2)."""
    windows = sliding_window_view(x, (3, 3), axis=(2, 3))
    return np.einsum("ncijab,kcab->nkij", windows, kernels) + biases[:, None, None]


def pooled(x):
    """The largest of each 2 × 2 square; a last odd row or column is left out."""
    even = x.shape[-1] // 2 * 2
    x = x[:, :, :even, :even]
    return np.max([x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)], axis=0)


def test_the_cnn_computes_its_logits_layer_by_layer(cnn, images):
    w = weights(cnn)
    x = images.double().numpy()[:, None]
    for name in ("conv1", "conv2"):
        x = pooled(np.maximum(convolved(x, w[f"{name}.weight"], w[f"{name}.bias"]), 0))
    x = x.reshape(3, -1)
    x = np.maximum(x @ w["fc1.weight"].T + w["fc1.bias"], 0)
    logits = x @ w["fc2.weight"].T + w["fc2.bias"]
    np.testing.assert_allclose(cnn(images).detach().numpy(), logits, rtol=1e-4, atol=1e-6)
    assert logits.min() < 0, "logits, not probabilities"


def test_the_channel_may_be_left_out(cnn, images):
    assert torch.equal(cnn(images), cnn(images[:, None]))


def test_images_are_judged_one_by_one(cnn, images):
    np.testing.assert_allclose(
        cnn(images)[1].detach(), cnn(images[1:2])[0].detach(), rtol=1e-4, atol=1e-6
    )


def test_every_parameter_of_the_cnn_has_a_gradient(images):
    model = CNN(seed=0)
    torch.nn.functional.cross_entropy(model(images), torch.tensor([0, 1, 2])).backward()
    assert all(bool((p.grad != 0).any()) for p in model.parameters())


@pytest.mark.parametrize(
    ("bad", "match"),
    [
        (torch.zeros(28, 28), r"^images must be \(n, 28, 28\) or .*, got \(28, 28\)"),
        (torch.zeros(5, 32, 32), r"^images must be .*, got \(5, 32, 32\)"),
        (torch.zeros(5, 3, 28, 28), r"^images must be .*, got \(5, 3, 28, 28\)"),
        (torch.zeros(5, 784), r"^images must be .*, got \(5, 784\)"),
        (torch.zeros(5, 28, 28, dtype=torch.uint8), r"^images must be of torch.float32.* 255"),
        (torch.zeros(5, 28, 28, dtype=torch.float64), r"^images must be .*, got torch.float64$"),
        (np.zeros((5, 28, 28)), "^images must be a tensor, got ndarray"),
    ],
    ids=lambda value: "" if isinstance(value, str) else f"{tuple(value.shape)}-{value.dtype}",
)
def test_images_of_another_form_are_refused(cnn, bad, match):
    for use in (cnn, cnn.shapes):
        with pytest.raises(ValueError, match=match):
            use(bad)


# ------------------------------------------------------------------------ RNN

TEXTS = [[3, 1, 4, 1, 5, 9, 2], [6, 5], [3], [5, 8, 9, 7]]


def batch(texts=TEXTS, length=None):
    """Texts padded with 0 to one length, and their own lengths."""
    lengths = [len(text) for text in texts]
    length = max(lengths) if length is None else length
    tokens = torch.tensor([text + [0] * (length - len(text)) for text in texts])
    return tokens, torch.tensor(lengths)


def small(**options):
    return RNN(vocab_size=10, embedding_dim=4, hidden_dim=6, seed=2, **options)


def read_by_hand(model, words):
    """The logits after the last of some words, one word after the other."""
    w = weights(model)
    h = np.zeros(6)
    for word in words:
        h = np.tanh(
            w["rnn.weight_ih_l0"] @ w["embedding.weight"][word]
            + w["rnn.bias_ih_l0"]
            + w["rnn.weight_hh_l0"] @ h
            + w["rnn.bias_hh_l0"]
        )
    return w["fc.weight"] @ h + w["fc.bias"]


def test_the_rnns_parameters_are_counted_layer_by_layer():
    vocabulary, embedding, hidden = 10_000, 100, 256
    model = RNN(vocabulary, embedding, hidden, 1, seed=0)
    # Two biases: torch's nn.RNN has one for each of its two products.
    recurrent = hidden * (embedding + hidden + 2)
    parts = [vocabulary * embedding, recurrent, hidden + 1]
    assert [count(part) for part in (model.embedding, model.rnn, model.fc)] == parts
    assert count(model) == sum(parts) == 1_091_905
    assert {p.dtype for p in model.parameters()} == {torch.float32}


@pytest.mark.parametrize("output_dim", [1, 3])
def test_the_rnn_reads_each_text_to_its_own_last_word(output_dim):
    model = small(output_dim=output_dim)
    logits = model(*batch()).detach().numpy()
    wanted = np.array([read_by_hand(model, text) for text in TEXTS])
    assert logits.shape == ((4,) if output_dim == 1 else (4, 3))
    np.testing.assert_allclose(logits.reshape(wanted.shape), wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("read", ["last", "padded"])
def test_a_single_text_is_a_batch_of_one(read):
    assert small(read=read)(*batch(TEXTS[:1])).shape == (1,)
    assert small(read=read, output_dim=3)(*batch(TEXTS[:1])).shape == (1, 3)


@pytest.mark.parametrize("extra", [1, 5, 100])
def test_padding_changes_nothing_bit_for_bit(extra):
    model = small()
    wanted = model(*batch())
    assert torch.equal(model(*batch(length=7 + extra)), wanted)
    wanted.sum().backward()
    gradients = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    model(*batch(length=7 + extra)).sum().backward()
    for p, g in zip(model.parameters(), gradients):
        assert torch.equal(p.grad, g)


def test_what_stands_in_the_padding_changes_nothing():
    model = small()
    tokens, lengths = batch()
    other = tokens.clone()
    for row, length in zip(other, lengths):
        row[length:] = 7
    assert (other != tokens).any()
    assert torch.equal(model(other, lengths), model(tokens, lengths))


def test_the_order_of_the_texts_does_not_matter():
    model = small()
    tokens, lengths = batch()
    order = torch.tensor([2, 0, 3, 1])
    np.testing.assert_allclose(
        model(tokens[order], lengths[order]).detach(),
        model(tokens, lengths)[order].detach(),
        rtol=1e-5,
        atol=1e-6,
    )


def test_read_padded_reads_the_state_after_the_padding():
    model = small(read="padded")
    logits = model(*batch(length=9)).detach().numpy()
    wanted = [read_by_hand(model, text + [0] * (9 - len(text)))[0] for text in TEXTS]
    np.testing.assert_allclose(logits, wanted, rtol=1e-4, atol=1e-6)
    changed = (logits - model(*batch(length=7)).detach().numpy()) != 0
    assert changed.all(), "more padding changes every logit"


def test_both_ways_of_reading_have_the_same_weights_and_agree_without_padding():
    last, padded = small(), small(read="padded")
    texts = [text for text in TEXTS if len(text) == 4] * 2
    np.testing.assert_allclose(
        last(*batch(texts)).detach(), padded(*batch(texts)).detach(), rtol=1e-5, atol=1e-6
    )
    assert "read='last'" in repr(last)
    assert "read='padded'" in repr(padded)


def test_after_long_padding_two_texts_can_hardly_be_told_apart():
    last, padded = small(), small(read="padded")
    tokens, lengths = batch([[3, 1, 4], [5, 9, 2]], length=60)
    apart = {
        model.read: abs(float(model(tokens, lengths).detach().diff())) for model in (last, padded)
    }
    assert apart["last"] > 1e3 * apart["padded"]


@pytest.mark.parametrize("read", ["last", "padded"])
def test_the_paddings_embedding_is_zero_and_stays_so(read):
    model = small(read=read)
    model(*batch()).sum().backward()
    assert (model.embedding.weight[0] == 0).all()
    assert (model.embedding.weight.grad[0] == 0).all()
    assert (model.embedding.weight.grad[1:] != 0).any()


@pytest.mark.parametrize("dtype", [torch.int16, torch.int32, torch.int64])
def test_whole_numbers_of_any_size_are_tokens_and_lengths(dtype):
    tokens, lengths = batch()
    model = small()
    assert torch.equal(model(tokens.to(dtype), lengths.to(dtype)), model(tokens, lengths))


@pytest.mark.parametrize(
    ("tokens", "lengths", "match"),
    [
        ([[1, 2], [0, 0]], [2, 0], r"^lengths must be at least 1, got 0 for text 1: an empty text"),
        ([[1, 2], [3, 0]], [2, -1], r"^lengths must be at least 1, got -1 for text 1"),
        ([[1, 2], [3, 0]], [3, 1], r"^lengths must be at most 2, got 3"),
        ([[1, 2], [3, 0]], [2], r"^lengths must have 2 entries, as tokens has, got 1"),
        ([[1, 2], [3, 0]], [[2], [1]], r"^lengths must be of shape \(n,\), got \(2, 1\)"),
        ([[1, 10]], [2], r"^tokens must be in \[0, 10\), got 10"),
        ([[1, -1]], [2], r"^tokens must be in \[0, 10\), got -1"),
        ([1, 2], [2], r"^tokens must be of shape \(n, length\), got \(2,\)"),
        ([[1.0, 2.0]], [2], r"^tokens must be a tensor of whole numbers, got torch.float32"),
        ([[1, 2]], [2.0], r"^lengths must be a tensor of whole numbers, got torch.float32"),
        (np.zeros((0, 2), int), np.zeros(0, int), r"^tokens must be of shape .* got \(0, 2\)"),
    ],
)
@pytest.mark.parametrize("read", ["last", "padded"])
def test_texts_of_another_form_are_refused(tokens, lengths, match, read):
    with pytest.raises(ValueError, match=match):
        small(read=read)(torch.tensor(tokens), torch.tensor(lengths))


def test_lists_are_refused():
    with pytest.raises(ValueError, match=r"^tokens must be a tensor of whole numbers, got list"):
        small()([[1, 2]], torch.tensor([2]))


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"vocab_size": 0}, "^vocab_size must be .* got 0"),
        ({"embedding_dim": 2.5}, "^embedding_dim must be .* got 2.5"),
        ({"hidden_dim": True}, "^hidden_dim must be .* got True"),
        ({"output_dim": -1}, "^output_dim must be .* got -1"),
        ({"read": "first"}, "^read must be .* got 'first'"),
        ({"seed": -1}, "^seed must be .* got -1"),
        ({"seed": 0.5}, "^seed must be .* got 0.5"),
        ({"seed": 2**63}, f"^seed must be .* got {2**63}"),
    ],
    ids=str,
)
def test_arguments_out_of_range_are_refused(arguments, match):
    sizes = {"vocab_size": 10, "embedding_dim": 4, "hidden_dim": 6}
    with pytest.raises(ValueError, match=match):
        RNN(**(sizes | arguments))
    if "seed" in arguments:
        with pytest.raises(ValueError, match=match):
            CNN(**arguments)


# ---------------------------------------------------------------------- seeds

networks = pytest.mark.parametrize(
    "make", [CNN, lambda **seed: RNN(10, 4, 6, **seed)], ids=["CNN", "RNN"]
)


def same(one, other):
    return [torch.equal(p, q) for p, q in zip(one.parameters(), other.parameters())]


@networks
def test_a_seed_is_one_network(make):
    assert all(same(make(seed=3), make(seed=3)))
    assert not any(same(make(seed=3), make(seed=4)))


@networks
def test_a_seed_leaves_torchs_global_generator_as_it_is(make):
    torch.manual_seed(0)
    wanted = torch.rand(5)
    torch.manual_seed(0)
    make(seed=3)
    assert torch.equal(torch.rand(5), wanted)


@networks
def test_without_a_seed_weights_come_from_the_global_generator_as_in_torchs_layers(make):
    torch.manual_seed(3)
    one = make()
    after = torch.rand(1)
    assert not any(same(one, make()))
    torch.manual_seed(3)
    assert all(same(one, make()))
    assert torch.equal(torch.rand(1), after)
    assert all(same(one, make(seed=3))), "a seed is what torch.manual_seed would be"


def test_weights_are_where_torch_would_draw_them(cnn):
    # torch's default for a layer: uniform within ± 1/√(inputs of a unit).
    for name, p in cnn.named_parameters():
        inputs = getattr(cnn, name.partition(".")[0]).weight[0].numel()
        assert p.abs().max() <= inputs**-0.5
        assert p.abs().max() > 0.8 * inputs**-0.5 or p.numel() < 20


@networks
def test_state_dicts_go_from_one_network_to_another(make):
    one, other = make(seed=0), make(seed=1)
    other.load_state_dict(one.state_dict())
    assert all(same(one, other))
    assert all(re.fullmatch(r"(conv|fc|rnn|embedding)\w*\.\w+", name) for name in one.state_dict())
