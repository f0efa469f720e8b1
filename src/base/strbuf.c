/* SPDX-License-Identifier: MIT */
/* Growing text. */
#include "base/strbuf.h"

#include "base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

hf__strbuf hf__strbuf_in(void *room, size_t size)
{
	hf__strbuf b = HF__STRBUF_INIT;

	if (size == 0)
		return b;
	b.s = room;
	b.s[0] = '\0';
	b.cap = size;
	b.lent = true;
	return b;
}

void hf__strbuf_finish(hf__strbuf *b)
{
	if (!b->lent)
		hf__free(b->s);
	*b = (hf__strbuf)HF__STRBUF_INIT;
}

void hf__strbuf_clear(hf__strbuf *b)
{
	b->n = 0;
	b->failed = false;
	if (b->s)
		b->s[0] = '\0';
}

/* What was lent stays as it is. */
static char *resized(const hf__strbuf *b, size_t cap)
{
	char *s = hf__realloc(b->lent ? NULL : b->s, cap);

	return s && b->lent ? memcpy(s, b->s, b->n + 1) : s;
}

bool hf__strbuf_reserve(hf__strbuf *b, size_t more)
{
	size_t need, cap;
	char *s;

	if (b->failed || __builtin_add_overflow(b->n + 1, more, &need)) {
		b->failed = true;
		return false;
	}
	if (need <= b->cap)
		return true;
	cap = b->cap < 64 ? 64 : b->cap;
	while (cap < need)
		cap = cap > SIZE_MAX / 2 ? need : cap * 2;
	s = resized(b, cap);
	if (!s) {
		b->failed = true;
		return false;
	}
	b->s = s;
	b->lent = false;
	b->cap = cap;
	b->s[b->n] = '\0';
	return true;
}

void hf__strbuf_add(hf__strbuf *b, const void *data, size_t n)
{
	if (n == 0 || !hf__strbuf_reserve(b, n))
		return;
	memcpy(b->s + b->n, data, n);
	b->n += n;
	b->s[b->n] = '\0';
}

void hf__strbuf_puts(hf__strbuf *b, const char *s)
{
	hf__strbuf_add(b, s, strlen(s));
}

void hf__strbuf_putc(hf__strbuf *b, char c)
{
	hf__strbuf_add(b, &c, 1);
}

void hf__strbuf_vprintf(hf__strbuf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0 || !hf__strbuf_reserve(b, (size_t)n)) {
		b->failed = true;
		return;
	}
	vsnprintf(b->s + b->n, (size_t)n + 1, fmt, ap);
	b->n += (size_t)n;
}

void hf__strbuf_printf(hf__strbuf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	hf__strbuf_vprintf(b, fmt, ap);
	va_end(ap);
}

const char *hf__strbuf_text(const hf__strbuf *b)
{
	return b->s ? b->s : "";
}

char *hf__strbuf_take(hf__strbuf *b)
{
	char *s;

	if (b->failed || !hf__strbuf_reserve(b, 0)) {
		hf__strbuf_finish(b);
		return NULL;
	}
	s = b->s;
	*b = (hf__strbuf)HF__STRBUF_INIT;
	return s;
}

void hf__copy_text(char *to, size_t size, const char *text)
{
	size_t n = strlen(text);

	if (n >= size)
		n = size - 1;
	memcpy(to, text, n);
	to[n] = '\0';
}
