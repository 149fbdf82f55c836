import inspect
import re
from importlib import resources

import msgspec

import talktime_sdk
from talktime_sdk import TalktimeError, client, session


def test_all_is_the_surface() -> None:
    """__all__ is sorted, complete and real."""
    names = talktime_sdk.__all__
    assert names == sorted(names)
    public = {
        name
        for name, value in vars(talktime_sdk).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert public == set(names)
    for module in (client, session):
        assert all(hasattr(module, name) for name in module.__all__)


def test_the_error_tree_is_drawn_as_it_is() -> None:
    """The tree in the docstring is the class tree, in shape and in names."""

    def tree(error: type[Exception]) -> list[tuple[str, str]]:
        below = [pair for child in error.__subclasses__() for pair in tree(child)]
        return [(child.__name__, error.__name__) for child in error.__subclasses__()] + below

    drawn: list[tuple[str, str]] = []
    parents: dict[int, str] = {}
    for line in (talktime_sdk.__doc__ or "").splitlines():
        if match := re.fullmatch(r"    ([│ ├└─]*)([A-Z]\w+)(?:  .*| \d.*)?", line):
            depth = len(match[1]) // 4
            parents[depth] = match[2]
            if depth:
                drawn.append((match[2], parents[depth - 1]))
    assert sorted(drawn) == sorted(tree(TalktimeError))
    assert {name for name, _ in drawn} < set(talktime_sdk.__all__)


def test_values_are_frozen() -> None:
    """Every public struct is a frozen value, keyword-only."""
    structs = [
        value
        for value in vars(talktime_sdk).values()
        if inspect.isclass(value) and issubclass(value, msgspec.Struct)
    ]
    assert len(structs) > 15
    for struct in structs:
        assert struct.__struct_config__.frozen, struct
        parameters = inspect.signature(struct).parameters.values()
        assert all(p.kind is inspect.Parameter.KEYWORD_ONLY for p in parameters), struct


def test_it_is_typed() -> None:
    """The package tells type checkers that it is typed."""
    assert resources.files("talktime_sdk").joinpath("py.typed").is_file()


def test_public_things_are_documented() -> None:
    """Every public class and every public method of one has a docstring of its own."""
    for name in talktime_sdk.__all__:
        value = getattr(talktime_sdk, name)
        if not inspect.isclass(value):
            continue
        assert value.__doc__, name
        for method, member in vars(value).items():
            if inspect.isfunction(member) and not method.startswith("_"):
                assert member.__doc__, f"{name}.{method}"
