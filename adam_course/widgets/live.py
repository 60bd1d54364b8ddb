"""What the widgets share: a widget in a live notebook, and what it leaves on a page."""

import html
import json
from numbers import Integral, Real
from typing import ClassVar

import anywidget
import traitlets

from adam_course.widgets.ranges import RANGES


class Live(anywidget.AnyWidget):
    """A widget whose front end computes in the browser, with a kernel or without.

    Its traits are synchronised with a live front end.  Besides, it leaves `text/html`
    that names the widget and its state; on a static page the same JavaScript is mounted
    on it (see `assets.page_script`).
    """

    KIND: ClassVar[str]

    def __init__(self, **traits):
        unknown = set(traits) - set(self.traits(described=True)) - {"layout"}
        if unknown:
            raise ValueError(
                f"{type(self).__name__} has no {', '.join(sorted(unknown))}; it has "
                f"{', '.join(sorted(self.traits(described=True)))}"
            )
        try:
            super().__init__(**traits)
        except traitlets.TraitError as error:
            raise ValueError(str(error)) from None

    @property
    def state(self):
        """The traits that describe what is shown, by name, in order."""
        names = sorted(self.traits(described=True))
        return {name: getattr(self, name) for name in names}

    def fallback(self):
        """What a reader sees where neither kernel nor script runs: a sentence."""
        raise NotImplementedError

    def to_html(self):
        """The element that the script of a static page mounts this widget on."""
        state = html.escape(json.dumps(self.state, ensure_ascii=False), quote=True)
        return (
            f'<div class="adam-widget" data-adam-widget="{self.KIND}" data-adam-state="{state}">'
            f"<p>{html.escape(self.fallback(), quote=False)}</p></div>"
        )

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**(data or {}), "text/plain": repr(self), "text/html": self.to_html()}, metadata

    def __repr__(self):
        changed = ", ".join(
            f"{name}={value!r}"
            for name, value in self.state.items()
            if value != self.trait_defaults(name) and name != "caption"
        )
        return f"{type(self).__name__}({changed})"


class Number(traitlets.TraitType):
    """A number of a widget, in its range: finite, and whole where the range says so."""

    def __init__(self, kind, name, default, **kwargs):
        super().__init__(default, **kwargs)
        self.low, self.high, self.whole = RANGES[kind][name]
        self.label = name

    def validate(self, obj, value):
        number = Integral if self.whole else Real
        fits = isinstance(value, number) and not isinstance(value, bool)
        if not (fits and self.low <= value <= self.high):
            kind = "a whole number" if self.whole else "a number"
            raise traitlets.TraitError(
                f"{self.label} must be {kind} from {self.low:g} to {self.high:g}, got {value!r}"
            )
        return int(value) if self.whole else float(value)


class Numbers(Number):
    """A list of such numbers, with at least `least` and at most `most` of them."""

    def __init__(self, kind, name, least, most, **kwargs):
        super().__init__(kind, name, traitlets.Undefined, **kwargs)
        self.least, self.most = least, most

    def validate(self, obj, value):
        if not isinstance(value, list | tuple) or not self.least <= len(value) <= self.most:
            count = self.most if self.least == self.most else f"{self.least} to {self.most}"
            raise traitlets.TraitError(f"{self.label} must be {count} numbers, got {value!r}")
        return [super(Numbers, self).validate(obj, number) for number in value]


def described(trait):
    """A trait that is part of what a widget shows: synchronised, and left on a page."""
    return trait.tag(sync=True, described=True)
