/* SPDX-License-Identifier: MIT */
/* A payload of pairs: "id:459|val1:123". */
#include "base/mem.h"

#include <holdfast/listen.h>

#include <string.h>

static size_t count(const char *payload)
{
	size_t n = 1;

	for (; *payload; payload++)
		n += *payload == '|';
	return n;
}

/* Cuts the text into pairs, in place. 0: a piece has no colon. */
static size_t cut(hf_pair *pair, char *text)
{
	size_t n = 0;

	for (char *piece = text; piece;) {
		char *end = strchr(piece, '|'), *colon;

		if (end)
			*end = '\0';
		colon = strchr(piece, ':');
		if (!colon)
			return 0;
		*colon = '\0';
		pair[n++] = (hf_pair){ piece, colon + 1 };
		piece = end ? end + 1 : NULL;
	}
	return n;
}

hf_status hf_pairs_parse(const char *payload, hf_pairs **out)
{
	size_t head, size;
	hf_pair *pair;
	hf_pairs *p;
	char *text;

	if (!payload || !out)
		return HF_E_MISUSE;
	head = sizeof *p + count(payload) * sizeof *pair;
	size = strlen(payload) + 1;
	p = hf__alloc(head + size);
	if (!p)
		return HF_E_NOMEM;
	pair = (hf_pair *)(p + 1);
	text = (char *)p + head;
	memcpy(text, payload, size);
	*p = (hf_pairs){ cut(pair, text), pair };
	if (p->n == 0) {
		hf__free(p);
		return HF_E_TYPE;
	}
	*out = p;
	return HF_OK;
}

const char *hf_pairs_get(const hf_pairs *pairs, const char *key)
{
	for (size_t i = pairs && key ? pairs->n : 0; i > 0; i--)
		if (strcmp(pairs->pair[i - 1].key, key) == 0)
			return pairs->pair[i - 1].value;
	return NULL;
}

void hf_pairs_free(void *pairs)
{
	hf__free(pairs);
}

hf_status hf_pairs_decode(const char *payload, void **out, void *arg)
{
	hf_pairs *pairs = NULL;
	hf_status st = hf_pairs_parse(payload, &pairs);

	(void)arg;
	*out = pairs;
	return st;
}
