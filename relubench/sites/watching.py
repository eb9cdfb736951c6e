"""`watch`: a function's activations, seen while it runs; `explain`: where they are, and what is none."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax import Array
from jax import numpy as jnp
from jax.extend import core

from relubench import checks, units
from relubench.errors import UserError, shown
from relubench.sites import evaluate, graph, layers, origins, plan, views
from relubench.sites.origins import DATA, PARAMETERS
from relubench.sites.plan import Activation, Plan
from relubench.sites.stretches import Stretch
from relubench.sites.views import View
from relubench.units import UnitStats


@functools.partial(jax.tree_util.register_dataclass, data_fields=["stats"], meta_fields=["name", "source", "kind"])
@dataclasses.dataclass(frozen=True)
class Site:
    """An activation of a function, and what one call has shown of its units."""

    name: str  # the module, or the parameter, that makes its argument, and its kind; unique in its function
    source: str  # file:line
    kind: str  # relu, gelu, ...; elementwise where it has no name
    stats: UnitStats  # each field shaped like the units: [units], [layers, units], [members, units], ...


class Sites(tuple[Site, ...]):
    """The activations of a function, in the order in which it does them."""

    def scalars(self) -> dict[str, Array]:
        """Return the share of dead, silent, ... units of each, by flat names: for a logger."""
        return {
            f"{site.name}/{name}": jnp.mean(definition(site.stats), dtype=jnp.float32)
            for site in self
            for name, definition in units.DEFINITIONS.items()
        }


def _flattened(sites: Sites) -> tuple[tuple[Site, ...], None]:
    return tuple(sites), None


jax.tree_util.register_pytree_node(Sites, _flattened, lambda _, children: Sites(children))

Axes = Mapping[str, Sequence[int] | None]
Data = int | str | Sequence[int | str]
Mask = Array | np.ndarray | Mapping[str, Array | np.ndarray]


class Watch:
    """Return `fn` with its activations: `watch(fn)(*args)` is (what `fn` returns, a tuple of `Site`).

    `data` says which arguments are data, by place or name; by default all but the first are, and a lone one is. The
    others, and arrays that `fn` closes over, are parameters; keys of random numbers are neither. `axes` says of a
    site, by its name, which axes of its argument are units, where that cannot be told, or None to leave the site out.
    `mask` (bool) says which examples count: it has the first of the axes of examples that every site has, as [batch] or
    [batch, time]; or it is given by site, with the axes of the site's argument, and may differ between units.
    """

    def __call__(
        self, fn: Callable[..., Any], data: Data | None = None, axes: Axes | None = None, mask: Mask | None = None
    ) -> Callable[..., tuple[Any, Sites]]:
        """Return the function that gives both."""

        @functools.wraps(fn, updated=())
        def watched(*args: Any, **kwargs: Any) -> tuple[Any, Sites]:
            traced = Traced.of(fn, args, kwargs, data, axes)
            results, stats = traced.run(Statistics(traced.views(), traced.weights(mask)))
            sites = [Site(p.name, p.source, p.stretch.kind, s) for p, s in zip(traced.places, stats, strict=True)]
            return results, Sites(sites)

        return watched

    def layers(
        self, fn: Callable[..., Any], data: Data | None = None, axes: Axes | None = None
    ) -> Callable[..., tuple[Any, tuple[units.Layer, ...]]]:
        """Return the function that gives what `fn` returns, and z, f(z) and f'(z) of each of its hidden layers.

        Each is [examples, (positions,) units], examples being the first axis of the data. An activation in a loop over
        layers gives as many. It is what the remedies of `relubench.optim` take as activations.
        """

        @functools.wraps(fn, updated=())
        def layered(*args: Any, **kwargs: Any) -> tuple[Any, tuple[units.Layer, ...]]:
            return Traced.of(fn, args, kwargs, data, axes).layers()

        return layered

    def explain(self, fn: Callable[..., Any], data: Data | None = None, axes: Axes | None = None) -> Callable[..., str]:
        """Return what tells, given the arguments of `fn`, its sites, and what looked like one and why it is none."""

        def explained(*args: Any, **kwargs: Any) -> str:
            return Traced.of(fn, args, kwargs, data, axes).told()

        return explained


@dataclasses.dataclass(frozen=True)
class Statistics:
    """Of each activation the statistics of its units: an observer."""

    views: Mapping[Stretch, View]
    weights: Mapping[Stretch, Array]  # [examples, units] or [examples, 1]

    def see(self, stretch: Stretch, z: Array, others: Mapping[graph.Value, Any]) -> UnitStats:
        """Return what an activation shows of its units."""
        return self.views[stretch].observe(*evaluate.differentiated(stretch, z, others), self.weights.get(stretch))

    @staticmethod
    def joined(stretch: Stretch, parts: UnitStats, axis: int) -> UnitStats:
        """Return the statistics of parts of the units."""
        return units.joined(parts, axis)

    merge = staticmethod(units.merge)
    beside = staticmethod(units.beside)
    nothing = staticmethod(units.nothing)


watch = Watch()


@dataclasses.dataclass(frozen=True)
class Place:
    """A site before anything was seen of it."""

    name: str
    activation: Activation

    @property
    def stretch(self) -> Stretch:
        """The operations that make it."""
        return self.activation.stretch

    @property
    def source(self) -> str:
        """The line of its last operation."""
        return self.stretch.nodes[-1].source


@dataclasses.dataclass(frozen=True)
class Traced:
    """A function, traced for its arguments, its sites found."""

    call: Callable[[], Any]
    plan: Plan
    places: list[Place]
    axes: Axes
    arrays: list[Any]
    rebuild: Callable[[Sequence[Any]], Any]

    @classmethod
    def of(
        cls,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        data: Data | None,
        axes: Axes | None,
    ) -> Traced:
        """Trace a function, and leave out the sites that `axes` says are none."""
        kinds = _kinds(args, kwargs, data)
        leaves, tree = jax.tree_util.tree_flatten_with_path((args, kwargs))
        dynamic = [n for n, (_, leaf) in enumerate(leaves) if is_dynamic(leaf)]
        arrays = [leaves[n][1] for n in dynamic]
        returned: list[Any] = []

        def flat(*values: Any) -> list[Any]:
            filled = [leaf for _, leaf in leaves]
            for n, value in zip(dynamic, values, strict=True):
                filled[n] = value
            own_args, own_kwargs = jax.tree_util.tree_unflatten(tree, filled)
            results, shape = jax.tree_util.tree_flatten(fn(*own_args, **own_kwargs))
            returned[:] = [shape, [None if is_dynamic(r) else (r,) for r in results]]
            return [r for r in results if is_dynamic(r)]

        program = jax.make_jaxpr(flat)(*arrays)
        read = graph.build(program)
        stems = [_stem(leaves[n][0], value, kinds) for n, value in zip(dynamic, read.inputs, strict=True)]
        made = plan.make(read, stems)

        def rebuild(values: Sequence[Any]) -> Any:
            shape, static = returned
            rest = iter(values)
            return jax.tree_util.tree_unflatten(shape, [next(rest) if s is None else s[0] for s in static])

        places, axes = _named(made.activations()), axes or {}
        _check_axes(axes, places)
        none = {place.stretch for place in places if axes.get(place.name, ()) is None}
        made.leave_out(none)
        kept = [place for place in places if place.stretch not in none]
        return cls(lambda: fn(*args, **kwargs), made, kept, axes, arrays, rebuild)

    def leave_out_unclear(self) -> list[str]:
        """Leave out the activations whose layers can't be told, by their axes or by where they stand; return why."""
        unclear = dict(self.plan.standing_in_branches())
        for place in self.places:
            if place.stretch not in unclear:
                try:
                    seen = views.view(place.name, place.source, place.stretch, self.axes.get(place.name))
                    layers.arrangement(place.name, place.stretch, seen)
                except UserError as error:
                    unclear[place.stretch] = str(error).partition(";")[0]
        reasons = [f"{p.name} at {p.source}: {unclear[p.stretch]}" for p in self.places if p.stretch in unclear]
        self.plan.leave_out(set(unclear))
        self.places[:] = [place for place in self.places if place.stretch not in unclear]
        return reasons

    def run(self, observer: evaluate.Observer) -> tuple[Any, list[Any]]:
        """Return what the function returns, and what the observer sees of each site.

        Where nothing is compiled around it the function is called as it is, as JAX compiles some of its own functions
        whole (`jnp.mean`), whose operations one by one give other bits.
        """
        if not is_traced():
            return self.call(), evaluate.see(self.plan, self.arrays, observer)
        results, seen = evaluate.run(self.plan, self.arrays, observer)
        return self.rebuild(results), seen

    def names(self) -> list[str]:
        """Return the name of each hidden layer: that of its site, and in a loop over layers which it is."""
        return [
            place.name if place.activation.layers == 1 else f"{place.name}, layer {n + 1} of its loop"
            for place in self.places
            for n in range(place.activation.layers)
        ]

    def layers(self) -> tuple[Any, tuple[units.Layer, ...]]:
        """Return what the function returns, and the numbers of each of its hidden layers."""
        seen = self.views()
        placed = {p.stretch: layers.arrangement(p.name, p.stretch, seen[p.stretch]) for p in self.places}
        results, numbers = self.run(layers.Layers(placed, seen))
        parts = [layers.apart(p.activation, own) for p, own in zip(self.places, numbers, strict=True)]
        return results, tuple(layer for part in parts for layer in part)

    def views(self) -> dict[Stretch, View]:
        """Return which axes of each site are units; refuse those of which it cannot be told."""
        return {p.stretch: views.view(p.name, p.source, p.stretch, self.axes.get(p.name)) for p in self.places}

    def weights(self, mask: Mask | None) -> dict[Stretch, Array]:
        """Return of each site which examples count, where that is said."""
        if mask is None:
            return {}
        if isinstance(mask, Mapping):
            _check_names("mask", mask, self.places)
        seen = self.views()
        given = {p: mask.get(p.name) if isinstance(mask, Mapping) else mask for p in self.places}
        return {
            p.stretch: seen[p.stretch].weights(p.name, jnp.asarray(own, bool), of_all=not isinstance(mask, Mapping))
            for p, own in given.items()
            if own is not None
        }

    def told(self) -> str:
        """Return the text of `explain`."""
        lines = [f"{len(self.places)} site{'s' * (len(self.places) != 1)}"]
        for place in self.places:
            try:
                seen = views.view(place.name, place.source, place.stretch, self.axes.get(place.name)).told()
            except UserError as error:
                seen = f"REFUSED: {error}"
            lines.append(f"  {place.name} ({place.stretch.kind}) at {place.source}: {seen}")
        rejected = self.plan.all_rejected()
        lines += ["no site:"] * bool(rejected)
        lines += [f"  {r.node.name} at {r.node.source}: {r.reason}" for r in rejected]
        return "\n".join(lines)


def is_traced() -> bool:
    """Whether something is compiled, or its shapes found, around the caller."""
    return bool(core.unsafe_am_i_under_a_jit_DO_NOT_USE())


def is_dynamic(leaf: Any) -> bool:
    """Whether an argument is an array of numbers, which a program takes; all else is fixed in it."""
    return isinstance(leaf, jax.Array) or (isinstance(leaf, np.ndarray | np.generic) and leaf.dtype.kind in "biufcV")


def _kinds(args: tuple[Any, ...], kwargs: dict[str, Any], data: Data | None) -> dict[int | str, str]:
    """Return of each argument whether it is data or parameters."""
    known: list[int | str] = [*range(len(args)), *kwargs]
    if data is None:
        chosen = {*known[1:]} if len(known) > 1 else {*known}
    else:
        listed = [data] if isinstance(data, int | str) else list(data)
        chosen = {n + len(args) if isinstance(n, int) and n < 0 else n for n in listed}
        for n in listed:
            if (n + len(args) if isinstance(n, int) and n < 0 else n) not in known:
                raise UserError(f"data={shown(data)}: the arguments are {', '.join(map(str, known))}")
    return {n: DATA if n in chosen else PARAMETERS for n in known}


def _stem(path: tuple[Any, ...], value: graph.Value, kinds: Mapping[int | str, str]) -> origins.Origin:
    # A path starts with 0 (positional) or 1 (by name), then the argument.
    argument = path[1].idx if path[0].idx == 0 else path[1].key
    is_key = jnp.issubdtype(value.aval.dtype, jax.dtypes.prng_key)
    return origins.of_argument(value.shape, None if is_key else kinds[argument], parameter_path(path))


def parameter_path(path: tuple[Any, ...]) -> str:
    """Return the path of an array among the arguments in words: the argument, then what leads to it there."""
    return jax.tree_util.keystr(path[1:], simple=True, separator="/")


def _named(activations: Sequence[Activation]) -> list[Place]:
    """Return the sites, named after the module or the parameter that makes their argument, each name once."""
    taken: dict[str, int] = {}
    places = []
    for activation in activations:
        stretch = activation.stretch
        module = "/".join(stretch.origin.layer or stretch.nodes[-1].scopes) or _parameter(stretch.origin.weight)
        name = "/".join([*([module] if module else []), stretch.kind])
        number = taken[name] = taken.get(name, -1) + 1
        places.append(Place(f"{name}_{number}" if number else name, activation))
    return places


def _parameter(path: str) -> str:
    """Return the layer that a parameter belongs to: its path, without its own name where there is more."""
    parts = path.split("/")[1:]
    parts = parts[:-1] if parts[-1:] in (["value"], ["raw_value"]) else parts  # what a variable of nnx holds
    return "/".join(parts[:-1] or parts)


def _check_axes(axes: Axes, places: Sequence[Place]) -> None:
    _check_names("axes", axes, places)
    for name, places_of_units in axes.items():
        if places_of_units is not None:
            checks.whole_numbers(f"axes[{name!r}]", list(places_of_units))


def _check_names(option: str, given: Mapping[str, Any], places: Sequence[Place]) -> None:
    names = [place.name for place in places]
    for name in given:
        if name not in names:
            raise UserError(f"{option} names {shown(name)}: the sites are {', '.join(names) or 'none'}")
