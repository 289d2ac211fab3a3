"""What lies in a source before it is evaluated: how it is stored, what its columns could be, and what will be slow.

=======  ==========================================================================
footers  how files are stored: rows, row groups, columns, from footers alone
roles    which columns fit which roles
check    one pass over the rows: invalid values, distinct values
queries  one pass over ids: whether queries are adjacent, how long they are
hints    what will be slow, or refused, and what to write instead
survey   the whole way: source -> footers -> roles -> check -> hints
result   all of that, to print
=======  ==========================================================================
"""

from fastrank.inspections.result import Inspection
from fastrank.inspections.survey import inspect

__all__ = ["Inspection", "inspect"]
