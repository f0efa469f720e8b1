/* SPDX-License-Identifier: MIT */
/* Log lines to the user's hook. */
#include "base/log.h"

#include "base/strbuf.h"

#include <stdarg.h>
#include <string.h>

void hf__oneline(char *text)
{
	size_t n;

	for (unsigned char *p = (unsigned char *)text; *p; p++)
		if (*p < 0x20 || *p == 0x7f)
			*p = ' ';
	for (n = strlen(text); n > 0 && text[n - 1] == ' '; n--)
		text[n - 1] = '\0';
}

void hf__logf(const hf__log *log, int level, const char *fmt, ...)
{
	hf__strbuf line = HF__STRBUF_INIT;
	va_list ap;

	if (!hf__logs(log, level))
		return;
	hf__strbuf_printf(&line, "pool \"%s\": ", log->name);
	va_start(ap, fmt);
	hf__strbuf_vprintf(&line, fmt, ap);
	va_end(ap);
	if (!line.failed) {
		hf__oneline(line.s);
		log->write(level, line.s, log->target);
	}
	hf__strbuf_finish(&line);
}
