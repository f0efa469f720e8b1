/* SPDX-License-Identifier: MIT */
/* Words that were meant, by the number of letters that are wrong. */
#include "base/nearest.h"

#include <string.h>

#define MAX_LEN 63

static int min2(int a, int b)
{
	return a < b ? a : b;
}

/* rows[0] and rows[1] are those of the two letters before; rows[2] is filled. */
static void fill_row(int (*rows)[MAX_LEN + 1], const char *a, int i, const char *b, int nb)
{
	rows[2][0] = i;
	for (int j = 1; j <= nb; j++) {
		int d = rows[1][j - 1] + (a[i - 1] != b[j - 1]);

		d = min2(d, min2(rows[1][j], rows[2][j - 1]) + 1);
		if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
			d = min2(d, rows[0][j - 2] + 1);
		rows[2][j] = d;
	}
}

int hf__word_distance(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b);
	int rows[3][MAX_LEN + 1] = { { 0 } };

	if (na > MAX_LEN || nb > MAX_LEN)
		return 99;
	for (int j = 0; j <= (int)nb; j++)
		rows[1][j] = j;
	for (int i = 1; i <= (int)na; i++) {
		fill_row(rows, a, i, b, (int)nb);
		memmove(rows[0], rows[1], 2 * sizeof rows[0]);
	}
	return rows[1][nb];
}

void hf__nearest(const char *word, const char *candidate, const char **best, int *distance)
{
	int d = hf__word_distance(word, candidate);

	if (d > 2 || 2 * (size_t)d >= strlen(word) || (*best && d >= *distance))
		return;
	*best = candidate;
	*distance = d;
}
