/* SPDX-License-Identifier: MIT */
/* Growing text. A failed allocation is remembered, so that callers check once, at the end. */
#ifndef HF_BASE_STRBUF_H
#define HF_BASE_STRBUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* Invariant: s is NULL or a string of n bytes and a NUL after them. */
typedef struct hf__strbuf {
	char *s;
	size_t n, cap;
	bool failed;
	bool lent; /* s is somebody else's memory: left behind, not freed, once it is too small */
} hf__strbuf;

#define HF__STRBUF_INIT                                                                            \
	{                                                                                          \
		NULL, 0, 0, false, false                                                           \
	}

/* An empty one that fills `room` first, of `size` bytes; hf__strbuf_take is not for it. */
hf__strbuf hf__strbuf_in(void *room, size_t size);

void hf__strbuf_finish(hf__strbuf *b);
void hf__strbuf_clear(hf__strbuf *b); /* keeps the memory; forgets a failure */
bool hf__strbuf_reserve(hf__strbuf *b, size_t more);
void hf__strbuf_add(hf__strbuf *b, const void *data, size_t n);
void hf__strbuf_puts(hf__strbuf *b, const char *s);
void hf__strbuf_putc(hf__strbuf *b, char c);
void hf__strbuf_printf(hf__strbuf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void hf__strbuf_vprintf(hf__strbuf *b, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));

/* Into `to`, of `size` bytes, cut to what fits. */
void hf__copy_text(char *to, size_t size, const char *text);

/* The text, "" when empty; never NULL. Lent. */
const char *hf__strbuf_text(const hf__strbuf *b);

/* The text, yours to hf__free; NULL if an allocation failed. The buffer is empty afterwards. */
char *hf__strbuf_take(hf__strbuf *b);

#endif
