/* SPDX-License-Identifier: MIT */
/* Log lines to the user's hook: one line each, control characters escaped, prefixed with the pool's
 * name. */
#ifndef HF_BASE_LOG_H
#define HF_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

/* The levels are the public hf_log_level's: 0 error, 1 warn, 2 info, 3 debug. */
enum { HF__LOG_ERROR, HF__LOG_WARN, HF__LOG_INFO, HF__LOG_DEBUG };

typedef struct hf__log {
	void (*write)(int level, const char *line, void *target);
	void *target;
	const char *name;
	int level; /* the most detailed level that is written */
} hf__log;

static inline bool hf__logs(const hf__log *log, int level)
{
	return log->write && level <= log->level;
}

void hf__logf(const hf__log *log, int level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Makes one printable line of `text`, in place: control characters become spaces, trailing ones go.
 */
void hf__oneline(char *text);

#endif
