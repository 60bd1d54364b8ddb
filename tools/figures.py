"""Whether two pictures of a figure say the same.

nbval does not compare images, so the tests do it here.  A curve that moved, a line of
another colour or style, another digit on an axis are material; the handwriting of
another font rasteriser (hinting, antialiasing, a glyph half a pixel over) is not.

The pictures are laid on white, and each pixel of one is compared with the shades that
the other has within `REACH` pixels of it.  What lies outside of them is a mark that one
picture has and the other has not.  Such left-overs are counted in blocks: a material
change leaves a cluster.  Measured on a figure of the course: none at all for four kinds
of hinting, text without antialiasing, text moved by 0.4 points or enlarged by half a per
cent; 16 to 142 for a curve one per cent higher, a dashed line drawn solid, another
axis limit, one letter, one marker; 4 for a full stop more.
"""

import io

import numpy as np
from PIL import Image, ImageFilter

REACH = 2  # pixels that a mark may wander
TOLERANCE = 48  # of 255, by which a shade may differ
BLOCK = 12  # pixels of a block's side
LIMIT = 2  # pixels left over in one block that are still noise


def _picture(png):
    picture = Image.open(io.BytesIO(png)).convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture).convert("RGB")


def _left_over(one, other):
    """Where no pixel of `other` within reach has the colour of `one`."""
    window = 2 * REACH + 1
    low, shade, high = (
        np.asarray(picture, dtype=np.int16)
        for picture in (
            other.filter(ImageFilter.MinFilter(window)),
            one,
            other.filter(ImageFilter.MaxFilter(window)),
        )
    )
    return ((shade < low - TOLERANCE) | (shade > high + TOLERANCE)).any(axis=2)


def difference(one, other):
    """How much two PNGs differ: the most left-over pixels in any block, and where.

    Parameters
    ----------
    one, other : bytes
        PNG files.

    Returns
    -------
    (int, str)
        The pixels, and in words what differs.
    """
    a, b = _picture(one), _picture(other)
    if np.abs(np.subtract(a.size, b.size)).max() > 2 * REACH:
        return a.width * a.height, f"sizes {a.size} and {b.size}"
    width, height = np.minimum(a.size, b.size).tolist()
    a, b = a.crop((0, 0, width, height)), b.crop((0, 0, width, height))
    marks = _left_over(a, b) | _left_over(b, a)
    tall, wide = -(-height // BLOCK), -(-width // BLOCK)
    padded = np.zeros((tall * BLOCK, wide * BLOCK), dtype=int)
    padded[:height, :width] = marks
    blocks = padded.reshape(tall, BLOCK, wide, BLOCK).sum(axis=(1, 3))
    row, column = np.unravel_index(blocks.argmax(), blocks.shape)
    most = int(blocks.max())
    return most, f"{most} pixels about ({column * BLOCK}, {row * BLOCK}) of {width} x {height}"


def materially_equal(one, other):
    """Whether two PNGs say the same, and if not, in words, where they differ.

    Parameters
    ----------
    one, other : bytes
        PNG files.

    Returns
    -------
    (bool, str)
    """
    most, words = difference(one, other)
    return most <= LIMIT, words
