"""A condition in SQL: text -> syntax tree -> its value over a record batch."""

from __future__ import annotations

from functools import lru_cache, reduce
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from fastrank.buffers import literal, moment
from fastrank.errors import MissingColumnError, ParameterError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["TOO_DEEP", "canonical", "check_column", "column_names", "evaluate", "filled", "misfit", "parse"]

ALLOWED = (
    "column names, numbers, strings, true, false, null, = <> != < <= > >=, and, or, not, in, between, is null, like, "
    "+ - * / % and parentheses"
)
TOO_DEEP = "where=: the condition is nested too deeply; write it with fewer parentheses"
UINT64_OR_INT64 = pa.decimal128(20, 0)


def check_column(name: str, names: list[str], text: str) -> None:
    """Raise unless the condition's column occurs once."""
    if names.count(name) == 1:
        return
    if name in names:
        raise ParameterError(f"where={text!r}: column {name!r} occurs {names.count(name)} times; rename all but one")
    hint = did_you_mean(name, names, otherwise=f"there are {', '.join(names) or 'none'}")
    raise MissingColumnError(f"where={text!r}: no column {name!r}; {hint}")


def misfit(reason: str, schema: pa.Schema, names: Iterable[str], text: str) -> str | None:
    """What to tell where a moment is compared with what is none: the column, among `names`, whose type is in Arrow's
    own words, and how its values are written; None where there is no such column."""
    for name in names:
        kind = schema.field(name).type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        if str(kind) not in reason or not (example := _moment_in_words(kind)):
            continue
        what, word, value = example
        quoted = name.replace('"', '""')
        column = name if name.isidentifier() else f'"{quoted}"'
        return (
            f"where={text!r}: column {name!r} is of type {kind}; compare it with a {what} in quotes, "
            f"as in {column} >= '{word}', or in Python with pyarrow.compute.field({name!r}) >= {value}"
        )
    return None


def _moment_in_words(kind: pa.DataType) -> tuple[str, str, str] | None:
    """What a moment of a type is, one as SQL has it, and as Python has it; None for other types."""
    if pa.types.is_date(kind):
        return "date", "2026-05-31", "datetime.date(2026, 5, 31)"
    if pa.types.is_timestamp(kind):
        zone = f", tzinfo=zoneinfo.ZoneInfo({kind.tz!r})" if kind.tz else ""
        return "time", "2026-05-31 12:30", f"datetime.datetime(2026, 5, 31, 12, 30{zone})"
    return None


# ---------------------------------------------------------------------------------------------------------------------
# Text -> syntax tree


def _text(node: Any) -> str:
    return str(node.sql(comments=False))


def canonical(text: str) -> str:
    """One spelling of a condition: that of sqlglot, unless it would be read as another condition."""
    tree = parse(text)
    try:
        spelt = _text(tree)
        # Two signs in a row would come back as a comment: such a text is its own canonical form.
        return spelt if _outline(parse(spelt)) == _outline(tree) else text.strip()
    except ParameterError:
        return text.strip()
    except RecursionError as error:
        raise ParameterError(TOO_DEEP) from error


def _outline(tree: Any) -> list[tuple[Any, ...]]:
    """What tells two trees apart; in older sqlglot their own comparison recurses as deep as a chain is long."""

    def own(node: Any) -> list[str | bool]:
        return [part for part in node.args.values() if part and isinstance(part, str | bool)]

    return [(type(node), own(node), len([*node.iter_expressions()])) for node in tree.walk()]


@lru_cache(maxsize=256)
def parse(text: str) -> Any:
    """The syntax tree of a condition of which every node can be evaluated."""
    import sqlglot
    from sqlglot.errors import SqlglotError

    try:
        tree = sqlglot.parse_one(text, into=sqlglot.exp.Condition) if text.strip() else None
    except SqlglotError as error:
        details = getattr(error, "errors", None) or [{}]
        token = details[0].get("highlight")
        found = f"unexpected {token!r} at character {details[0].get('col')}" if token else "it cannot be read"
        raise ParameterError(f"where={text!r}: {found}; allowed are {ALLOWED}") from error
    except RecursionError as error:
        raise ParameterError(TOO_DEEP) from error
    if tree is None:
        raise ParameterError('where= is empty; give a condition such as "clicked = 1"')
    tree = tree.transform(_without_negation)
    for node in tree.walk():
        _check_node(node, text)
    return tree


def _without_negation(node: Any) -> Any:
    """NOT before the operator, whichever way this version of sqlglot keeps x NOT LIKE y."""
    from sqlglot import exp

    if not node.args.get("negate"):
        return node
    node.set("negate", None)
    return exp.Not(this=node)


def _check_node(node: Any, text: str) -> None:
    kind = type(node).__name__
    used = {key for key, value in node.args.items() if value or value == 0}
    if kind not in _NODES or not used <= _NODES[kind][0]:
        hint = ', or a name that needs "double quotes"' if kind in ("Column", "Dot") else ""
        raise ParameterError(f"where={text!r}: {_text(node)!r} is not supported{hint}; allowed are {ALLOWED}")
    if kind == "Is" and type(node.expression).__name__ != "Null":
        raise ParameterError(f"where={text!r}: {_text(node)!r} is not supported; after is comes null or not null")
    if kind == "Like" and not node.expression.is_string:
        raise ParameterError(f"where={text!r}: {_text(node)!r} is not supported; the pattern of like is a string")


def column_names(tree: Any) -> Iterator[str]:
    """Names of the columns in a tree, in the order of the text, as often as they occur."""
    from sqlglot import exp

    # Depth first is the order of the text.
    return (str(column.name) for column in tree.find_all(exp.Column, bfs=False))


# ---------------------------------------------------------------------------------------------------------------------
# Syntax tree -> values: arrays, or scalars where no column takes part


def evaluate(node: Any, batch: pa.RecordBatch) -> Any:
    """The value of a tree: an array of the batch's length, or a scalar."""
    return _NODES[type(node).__name__][1](node, batch)


def filled(value: Any, rows: int, text: str) -> pa.BooleanArray:
    """The value of a condition for each of `rows` rows, with null as false."""
    value = _boolean(value)
    if not pa.types.is_boolean(value.type):
        raise ParameterError(f"where={text!r} gives {value.type}; a condition gives true or false")
    if isinstance(value, pa.Scalar):
        return pa.repeat(literal(value.is_valid and value.as_py()), rows)
    return pc.coalesce(value, literal(False)) if value.null_count else value


def _operands(node: Any, batch: pa.RecordBatch) -> tuple[Any, Any]:
    return evaluate(node.this, batch), evaluate(node.expression, batch)


def _column(node: Any, batch: pa.RecordBatch) -> Any:
    names = batch.schema.names
    if names.count(node.name) != 1:
        # Only now, since writing out the text takes longer than the comparison.
        check_column(node.name, names, _text(node.root()))
    values = batch.column(node.name)
    if isinstance(values, pa.ExtensionArray):
        values = values.storage
    if pa.types.is_dictionary(values.type):
        words = values.dictionary
        values = pa.DictionaryArray.from_arrays(values.indices, words.cast(_comparable(words.type))).dictionary_decode()
    plain = _comparable(values.type)
    return values if plain == values.type else values.cast(plain)


def _comparable(arrow_type: pa.DataType) -> pa.DataType:
    """The type with kernels for comparison that holds the same values: views have none."""
    if arrow_type == pa.string_view():
        return pa.large_string()
    return pa.large_binary() if arrow_type == pa.binary_view() else arrow_type


def _number(digits: str) -> pa.Scalar:
    return literal(int(digits) if digits.lstrip("-").isdigit() else float(digits))


def _constant(node: Any, _: pa.RecordBatch | None = None) -> pa.Scalar:
    return literal(str(node.this)) if node.is_string else _number(str(node.this))


def _aligned(left: Any, right: Any) -> tuple[Any, Any]:
    """Give two values types that a comparison has a kernel for."""
    for one, other, is_swapped in ((left, right, False), (right, left, True)):
        if isinstance(one, pa.Scalar) and pa.types.is_large_string(one.type) and pa.types.is_temporal(other.type):
            one = moment(one, other.type)
        elif pa.types.is_boolean(one.type) and _is_number(other.type):
            one = one.cast(pa.int8())
        elif pa.types.is_signed_integer(one.type) and other.type == pa.uint64():
            one, other = one.cast(UINT64_OR_INT64), other.cast(UINT64_OR_INT64)
        else:
            continue
        return (other, one) if is_swapped else (one, other)
    return left, right


def _is_number(arrow_type: pa.DataType) -> bool:
    return bool(pa.types.is_integer(arrow_type) or pa.types.is_floating(arrow_type) or pa.types.is_decimal(arrow_type))


def _comparison(function: str) -> Callable[[Any, pa.RecordBatch], Any]:
    return lambda node, batch: _compare(function, *_operands(node, batch))


def _compare(function: str, left: Any, right: Any) -> Any:
    return pc.call_function(function, list(_aligned(left, right)))


def _logic(function: str) -> Callable[[Any, pa.RecordBatch], Any]:
    def value_of(node: Any, batch: pa.RecordBatch) -> Any:
        # Flat, since a chain of many terms is a tree as deep.
        values = (_boolean(evaluate(part, batch)) for part in node.flatten(unnest=False))
        return reduce(lambda left, right: pc.call_function(function, [left, right]), values)

    return value_of


def _boolean(value: Any) -> Any:
    return value.cast(pa.bool_()) if pa.types.is_null(value.type) else value


def _arithmetic(function: str) -> Callable[[Any, pa.RecordBatch], Any]:
    def value_of(node: Any, batch: pa.RecordBatch) -> Any:
        left, right = (_widened(value) for value in _operands(node, batch))
        if function in ("divide", "remainder"):
            right = pc.if_else(_compare("equal", right, literal(0)), pa.nulls(1, right.type)[0], right)
        if function == "divide":
            return pc.divide(left.cast(pa.float64()), right.cast(pa.float64()))
        if function == "remainder":
            if not (pa.types.is_integer(left.type) and pa.types.is_integer(right.type)):
                raise ParameterError(
                    f"where={_text(node.root())!r}: {_text(node)!r}: % takes integers, not {left.type} and {right.type}"
                )
            return pc.subtract(left, pc.multiply(right, pc.divide(left, right)))
        return pc.call_function(function, [left, right])

    return value_of


def _widened(value: Any) -> Any:
    """Small integers would overflow in a sum; unsigned ones of 64 bits stay, being wider than int64."""
    is_small = pa.types.is_integer(value.type) and value.type != pa.uint64()
    return value.cast(pa.int64()) if is_small else value


def _negation(node: Any, batch: pa.RecordBatch) -> Any:
    if type(node.this).__name__ == "Literal" and not node.this.is_string:
        # Its own type: 2^63 is no int64, and -2^63 is.
        return _number(f"-{node.this.this}")
    return pc.negate_checked(_widened(evaluate(node.this, batch)))


def _membership(node: Any, batch: pa.RecordBatch) -> Any:
    value = evaluate(node.this, batch)
    found = _set_lookup(value, node.expressions)
    if found is not None:
        return found
    result: Any = literal(False)
    for each in node.expressions:
        equal = _compare("equal", value, evaluate(each, batch))
        result = pc.or_kleene(result, _boolean(equal))
    return result


def _set_lookup(value: Any, members: list[Any]) -> Any:
    """One pass instead of one per member, where all are strings, or integers, as the column is."""
    if not isinstance(value, pa.Array) or not all(type(member).__name__ == "Literal" for member in members):
        return None
    is_text = pa.types.is_string(value.type) or pa.types.is_large_string(value.type)
    is_whole = pa.types.is_integer(value.type) and value.type != pa.uint64()
    if is_text and all(member.is_string for member in members):
        value = value.cast(pa.large_string())
    elif is_whole and all(not m.is_string and m.this.isdigit() and int(m.this) < 2**63 for m in members):
        value = value.cast(pa.int64())
    else:
        return None
    scalars = [_constant(member) for member in members]
    found = pc.is_in(value, value_set=pa.concat_arrays([pa.repeat(scalar, 1) for scalar in scalars]))
    # is_in says false of null, and SQL says null, which differs under not.
    return pc.if_else(value.is_valid(), found, pa.nulls(1, pa.bool_())[0]) if value.null_count else found


def _range(node: Any, batch: pa.RecordBatch) -> Any:
    value = evaluate(node.this, batch)
    above = _compare("greater_equal", value, evaluate(node.args["low"], batch))
    below = _compare("less_equal", value, evaluate(node.args["high"], batch))
    return pc.and_kleene(above, below)


def _is_null(node: Any, batch: pa.RecordBatch) -> Any:
    return pc.is_null(evaluate(node.this, batch))


def _like(node: Any, batch: pa.RecordBatch) -> Any:
    return pc.match_like(evaluate(node.this, batch), str(node.expression.this))


_BOTH = frozenset({"this", "expression"})
_ONE = frozenset({"this"})
# Kind of node in sqlglot: the parts it may have (a part that is not here changes its meaning), and its evaluation.
_NODES: dict[str, tuple[frozenset[str], Callable[[Any, Any], Any]]] = {
    "Column": (_ONE, _column),
    "Identifier": (_ONE | {"quoted"}, lambda *_: None),
    "Literal": (_ONE | {"is_string"}, _constant),
    "Boolean": (_ONE, lambda node, _: literal(bool(node.this))),
    "Null": (frozenset(), lambda *_: pa.nulls(1)[0]),
    "Paren": (_ONE, lambda node, batch: evaluate(node.this, batch)),
    "EQ": (_BOTH, _comparison("equal")),
    "NEQ": (_BOTH, _comparison("not_equal")),
    "LT": (_BOTH, _comparison("less")),
    "LTE": (_BOTH, _comparison("less_equal")),
    "GT": (_BOTH, _comparison("greater")),
    "GTE": (_BOTH, _comparison("greater_equal")),
    "And": (_BOTH, _logic("and_kleene")),
    "Or": (_BOTH, _logic("or_kleene")),
    "Not": (_ONE, lambda node, batch: pc.invert(_boolean(evaluate(node.this, batch)))),
    "Add": (_BOTH, _arithmetic("add_checked")),
    "Sub": (_BOTH, _arithmetic("subtract_checked")),
    "Mul": (_BOTH, _arithmetic("multiply_checked")),
    "Div": (_BOTH | {"typed", "safe"}, _arithmetic("divide")),
    "Mod": (_BOTH, _arithmetic("remainder")),
    "Neg": (_ONE, _negation),
    "In": (frozenset({"this", "expressions"}), _membership),
    "Between": (frozenset({"this", "low", "high"}), _range),
    "Is": (_BOTH, _is_null),
    "Like": (_BOTH, _like),
}
