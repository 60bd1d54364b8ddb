"""The two networks of the slides: a convolutional one for digits, a recurrent one for texts.

Both return logits, one number for each class (or a single one), which is what torch's
losses want: they apply softmax or the sigmoid themselves, in a form that does not overflow.
"""

from collections import deque
from contextlib import nullcontext

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence

from adam_course.checks import check_whole
from adam_course.pytorch.randomness import drawn_from

WHOLE = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


class CNN(nn.Module):
    """The slide's convolutional network for images of 28 × 28 pixels and ten classes.

        conv 1 → 32 (3 × 3), ReLU, max-pool 2       28 → 26 → 13
        conv 32 → 64 (3 × 3), ReLU, max-pool 2      13 → 11 → 5
        flatten to 64 · 5 · 5 = 1600
        fully connected 1600 → 128, ReLU, 128 → 10

    with 225 034 parameters, 91 % of them in the first fully connected layer.

    Parameters
    ----------
    seed : int, default None
        Of the initial weights; torch's global generator is left as it is.  Without it
        the weights are drawn from there, as in torch's own layers.

    Raises
    ------
    ValueError
        When called, if the images are not of shape (n, 28, 28) or (n, 1, 28, 28) and
        of the type of the weights.

    Examples
    --------
    >>> model = CNN(seed=0)
    >>> sum(p.numel() for p in model.parameters())
    225034
    >>> model(torch.zeros(5, 28, 28)).shape
    torch.Size([5, 10])
    """

    def __init__(self, *, seed=None):
        super().__init__()
        with nullcontext() if seed is None else drawn_from(seed):
            self.conv1 = nn.Conv2d(1, 32, kernel_size=3)
            self.conv2 = nn.Conv2d(32, 64, kernel_size=3)
            self.fc1 = nn.Linear(64 * 5 * 5, 128)
            self.fc2 = nn.Linear(128, 10)

    def forward(self, images):
        """Logits (n, 10) for images (n, 28, 28) or (n, 1, 28, 28)."""
        _, logits = deque(self._trace(images), maxlen=1).pop()
        return logits

    def shapes(self, images=None):
        """The shape after each layer, from the images to the logits.

        Parameters
        ----------
        images : tensor (n, 28, 28) or (n, 1, 28, 28)
            Default: a single one.

        Returns
        -------
        list of (name, shape)

        Examples
        --------
        >>> for name, shape in CNN(seed=0).shapes():
        ...     print(f"{name:8}{shape}")
        images  (1, 1, 28, 28)
        conv1   (1, 32, 26, 26)
        relu    (1, 32, 26, 26)
        pool    (1, 32, 13, 13)
        conv2   (1, 64, 11, 11)
        relu    (1, 64, 11, 11)
        pool    (1, 64, 5, 5)
        flatten (1, 1600)
        fc1     (1, 128)
        relu    (1, 128)
        fc2     (1, 10)
        """
        if images is None:
            images = self.conv1.weight.new_zeros(1, 28, 28)
        with torch.no_grad():
            return [(name, tuple(x.shape)) for name, x in self._trace(images)]

    def _trace(self, images):
        """Each layer's name and its output, one after the other."""
        x = self._checked(images)
        yield "images", x
        layers = (
            ("conv1", self.conv1),
            ("relu", functional.relu),
            ("pool", lambda x: functional.max_pool2d(x, 2)),
            ("conv2", self.conv2),
            ("relu", functional.relu),
            ("pool", lambda x: functional.max_pool2d(x, 2)),
            ("flatten", lambda x: x.flatten(start_dim=1)),
            ("fc1", self.fc1),
            ("relu", functional.relu),
            ("fc2", self.fc2),
        )
        for name, layer in layers:
            x = layer(x)
            yield name, x

    def _checked(self, images):
        if not isinstance(images, torch.Tensor):
            raise ValueError(f"images must be a tensor, got {type(images).__name__}")
        shape = tuple(images.shape)
        if len(shape) == 3:
            images = images.unsqueeze(1)
        if images.shape[1:] != (1, 28, 28):
            raise ValueError(f"images must be (n, 28, 28) or (n, 1, 28, 28), got {shape}")
        dtype = self.conv1.weight.dtype
        if images.dtype != dtype:
            hint = ": divide them by 255.0" if images.dtype == torch.uint8 else ""
            raise ValueError(f"images must be of {dtype}, got {images.dtype}{hint}")
        return images


class RNN(nn.Module):
    """The slide's recurrent network: it reads a text word by word and judges it at the end.

        e_t = embedding of word t (zeros for the padding, 0)
        h_t = tanh(W_e e_t + W_h h_{t-1} + b)
        logits = W h_T + b',   T the number of the text's own last word

    Texts of a batch are padded with 0 to one length.  What is read is the hidden state
    after each text's own last word, so that padding changes nothing.

    Parameters
    ----------
    vocab_size : int
        Words are numbers from 1 to vocab_size − 1; 0 is the padding.
    embedding_dim, hidden_dim : int
    output_dim : int, default 1
        With 1 the logits are of shape (n,), else (n, output_dim).
    read : "last" or "padded", default "last"
        "padded" reads the state after the padding, as the slide does: of a short text in
        a long batch little is left there.
    seed : int, default None
        Of the initial weights; torch's global generator is left as it is.

    Raises
    ------
    ValueError
        Naming the argument and its value.  When called: tokens that are not whole numbers
        of shape (n, length) below vocab_size, lengths that do not fit, an empty text.

    Examples
    --------
    >>> model = RNN(vocab_size=100, embedding_dim=8, hidden_dim=16, seed=0)
    >>> tokens = torch.tensor([[3, 1, 4, 1], [2, 7, 0, 0]])
    >>> model(tokens, lengths=torch.tensor([4, 2])).shape
    torch.Size([2])
    """

    def __init__(
        self, vocab_size, embedding_dim, hidden_dim, output_dim=1, *, read="last", seed=None
    ):
        sizes = {
            "vocab_size": vocab_size,
            "embedding_dim": embedding_dim,
            "hidden_dim": hidden_dim,
            "output_dim": output_dim,
        }
        for name, value in sizes.items():
            check_whole(name, value, 1)
        if read not in ("last", "padded"):
            raise ValueError(f'read must be "last" or "padded", got {read!r}')
        super().__init__()
        self.read = read
        with nullcontext() if seed is None else drawn_from(seed):
            self.embedding = nn.Embedding(vocab_size, embedding_dim, padding_idx=0)
            self.rnn = nn.RNN(embedding_dim, hidden_dim, batch_first=True)
            self.fc = nn.Linear(hidden_dim, output_dim)

    def forward(self, tokens, lengths):
        """Logits (n,), or (n, output_dim), for tokens (n, length) and lengths (n,)."""
        self._check(tokens, lengths)
        x = self.embedding(tokens.long())
        if self.read == "last":
            # Packed, the padding is not even computed.
            x = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        _, hidden = self.rnn(x)
        logits = self.fc(hidden[-1])
        return logits.squeeze(-1) if logits.shape[-1] == 1 else logits

    def extra_repr(self):
        return f"read={self.read!r}"

    def _check(self, tokens, lengths):
        for name, value, dims in (("tokens", tokens, 2), ("lengths", lengths, 1)):
            if not isinstance(value, torch.Tensor) or value.dtype not in WHOLE:
                got = getattr(value, "dtype", type(value).__name__)
                raise ValueError(f"{name} must be a tensor of whole numbers, got {got}")
            if value.ndim != dims or not len(value):
                shape = "(n, length)" if dims == 2 else "(n,)"
                raise ValueError(f"{name} must be of shape {shape}, got {tuple(value.shape)}")
        n, length = tokens.shape
        if len(lengths) != n:
            raise ValueError(f"lengths must have {n} entries, as tokens has, got {len(lengths)}")
        if lengths.min() < 1:
            k = int(lengths.argmin())
            raise ValueError(
                f"lengths must be at least 1, got {int(lengths[k])} for text {k}: "
                "an empty text has no last word, leave it out"
            )
        if lengths.max() > length:
            raise ValueError(f"lengths must be at most {length}, got {int(lengths.max())}")
        for value in (int(tokens.min()), int(tokens.max())):
            if not 0 <= value < self.embedding.num_embeddings:
                raise ValueError(
                    f"tokens must be in [0, {self.embedding.num_embeddings}), got {value}"
                )
