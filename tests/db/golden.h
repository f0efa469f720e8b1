/* SPDX-License-Identifier: MIT */
/* Messages compared as a whole, but for what differs from run to run. */
#ifndef TESTS_GOLDEN_H
#define TESTS_GOLDEN_H

#include "helpers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The text with N for each number of milliseconds, and without the directories of names of files
 * that start with "test_". Lent until the next call. */
static inline const char *plain(const char *text)
{
	static char out[4096];
	size_t n = 0;

	for (const char *s = text; *s && n < sizeof out - 1;) {
		size_t digits = strspn(s, "0123456789");
		const char *file = strstr(s, "test_");

		if (digits && strncmp(s + digits, " ms", 3) == 0) {
			out[n++] = 'N';
			s += digits;
		} else if (file && file > s && file - s < (long)strcspn(s, " ()")) {
			s = file;
		} else {
			out[n++] = *s++;
		}
	}
	out[n] = '\0';
	return out;
}

/* The number behind these words. */
static inline long long number_after(const char *text, const char *words)
{
	const char *at = strstr(text, words);

	if (!at)
		ck_abort_msg("\"%s\" is not in \"%s\"", words, text);
	return strtoll(at + strlen(words), NULL, 10);
}

/* `text` first: it may wait for what is expected of it. */
#define ck_assert_golden(text, ...)                                                                \
	do {                                                                                       \
		const char *plain_ = plain(text);                                                  \
		char golden_[1024];                                                                \
		snprintf(golden_, sizeof golden_, __VA_ARGS__);                                    \
		ck_assert_str_eq(plain_, golden_);                                                 \
	} while (0)

#endif
