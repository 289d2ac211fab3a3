"""Compiled loops: arrays in, arrays out.  They know no Arrow, no class of fastrank and no name of a metric.

| module           | compiled by | what it does                                          | used by                    |
| ---------------- | ----------- | ----------------------------------------------------- | -------------------------- |
| `checks`         | Cython      | is every value inside its domain                      | domains                    |
| `ids`            | Cython      | sets of ids, fingerprints of texts                    | ids, grouping              |
| `exact_sum`      | Cython      | exact sums of values, products and terms of losses    | accumulators, sweeps       |
| `elementary`     | Cython      | log, exp and their kin, of arrays and numbers         | metrics, sweeps, ranked    |
| `user_functions` | Numba       | a user's own functions over arrays                    | accumulators.functions     |
| `cells`          | Cython      | counts by cell of the score's key                     | accumulators.binned        |
| `bins`           | Cython      | sums of scores by bin                                 | accumulators.bins          |
| `slices`         | Cython      | rows by slice; slices that become one                 | slices, accumulators       |
| `runs`           | Cython      | distinct scores with counts; pairs in the right order | accumulators.exact, binned |
| `order`          | Cython      | ranked lists as runs of equal score and label         | ranked, lists              |
| `ranked`         | Cython      | measures of such lists                                | measures                   |
| `untied`         | Cython      | measures of lists in which no tie matters             | measures                   |
| `class_terms`    | Cython      | one number of a row's scores of all classes           | accumulators.classes       |
| `list_wins`      | Cython      | pairs in the right order, in each of many lists       | accumulators.wins          |
| `isotonic`       | Cython      | the isotonic fit of labels on scores, and its values  | sweeps, calibration        |

Headers hold what Cython cannot say: loops for several instruction sets (`dispatch.h`), integers of 128 bits and more
(`exact_sum.h`, `wide.h`), elementary functions (`elementary.h`), losses (`losses.h`).
"""
