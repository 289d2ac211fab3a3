"""Which accumulators of two states hold the same: equal ones, and those of which one can be made as coarse as the
other."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastrank.accumulators.base import Accumulator
    from fastrank.requests import Identity

__all__ = ["Pairing", "derive", "in_words", "pair"]


@dataclass
class Pairing:
    """What one state needs of another to be merged with it."""

    theirs: dict[Identity, Accumulator] = field(default_factory=dict)  # by the identity that both will have
    coarsened: dict[Identity, tuple[Identity, Accumulator]] = field(default_factory=dict)  # what becomes of mine
    lacking: list[Identity] = field(default_factory=list)  # of mine, there
    surplus: list[str] = field(default_factory=list)  # of theirs, here


def in_words(identity: str) -> str:
    """What an accumulator is of, from its identity: auc is answered by "score_runs of label 'y' and score 'p'"."""
    about = json.loads(identity)
    parameters = ", ".join(f"{name}={value}" for name, value in about["parameters"].items() if value not in (None, []))
    columns = " and ".join(f"{role} {column!r}" for role, column in about["inputs"].items())
    return (
        str(about["kind"])
        + (f"({parameters})" if parameters else "")
        + (f" of {columns}" if columns else "")
        + "".join(f" where {condition}" for condition in about["where"])
        + (', with on_invalid="drop"' if about["valid"] is not None else "")
    )


def pair(mine: Mapping[Identity, Accumulator], theirs: Mapping[str, Accumulator]) -> Pairing:
    """Pairs equal accumulators, then each one that is left with one on the other side that differs in its resolution
    only; the finer one is made as coarse as the other, as a copy."""
    result = Pairing()
    here = {identity.text for identity in mine}
    result.surplus = [text for text in theirs if text not in here]
    left = []
    for identity in mine:
        if identity.text in theirs:
            result.theirs[identity] = theirs[identity.text]
        else:
            left.append(identity)
    # In an order on which both sides agree, so that it does not matter which is merged into which.
    for identity in sorted(left, key=lambda each: repr(each.parameters), reverse=True):
        if not any(_meet(result, identity, mine[identity], theirs[text], text) for text in _kin(result, identity)):
            result.lacking.append(identity)
    return result


def _kin(pairing: Pairing, identity: Identity) -> list[str]:
    """What is left there over the same columns and rows."""
    about = {**json.loads(identity.text), "parameters": None}
    return sorted((t for t in pairing.surplus if {**json.loads(t), "parameters": None} == about), reverse=True)


def _meet(pairing: Pairing, identity: Identity, mine: Accumulator, theirs: Accumulator, text: str) -> bool:
    coarser = theirs.coarsened(mine.parameters)
    if coarser is not None:
        pairing.theirs[identity] = coarser
    else:
        coarser = mine.coarsened(theirs.parameters)
        if coarser is None:
            return False
        common = replace(identity, parameters=tuple(coarser.parameters.items()))
        pairing.coarsened[identity] = common, coarser
        pairing.theirs[common] = theirs
    pairing.surplus.remove(text)
    return True


def derive(identity: Identity, held: Mapping[Identity, Accumulator]) -> Accumulator | None:
    """What an accumulator would hold, from a finer one that is held; None where there is none."""
    for known, accumulator in held.items():
        if replace(known, parameters=identity.parameters) == identity:
            found = accumulator.coarsened(dict(identity.parameters))
            if found is not None:
                return found
    return None
