/* SPDX-License-Identifier: MIT */
/* Words that were meant. */
#ifndef HF_BASE_NEAREST_H
#define HF_BASE_NEAREST_H

/* How many letters must be put in, taken out, changed or swapped with their neighbour to make one
 * word of the other; 99 where a word has more than 63. */
int hf__word_distance(const char *a, const char *b);

/* Keeps in *best (NULL before the first call) the candidate that is nearest to `word`, if it is
 * near enough to have been meant: up to two letters wrong, and fewer than half of them. *distance
 * is for this function alone. */
void hf__nearest(const char *word, const char *candidate, const char **best, int *distance);

#endif
