/* SPDX-License-Identifier: MIT */
/* Who is parked in a pool, and what became of those who were. */
#include "pool/parking.h"

#include "base/clock.h"
#include "base/mem.h"

#define TOMBS   1024
#define KEEP_MS 3600000

void hf__parking_init(hf__parking *k)
{
	*k = (hf__parking){ .tombs = NULL };
	APR_RING_INIT(&k->parked, hf__parked, link);
}

void hf__parking_finish(hf__parking *k)
{
	for (unsigned i = 0; k->tombs && i < TOMBS; i++)
		hf_error_unref(k->tombs[i].why);
	hf__free(k->tombs);
	k->tombs = NULL;
}

bool hf__parking_prepare_locked(hf__parking *k)
{
	if (!k->tombs)
		k->tombs = hf__calloc(TOMBS * sizeof *k->tombs);
	return k->tombs != NULL;
}

bool hf__parking_same(const unsigned char *a, const unsigned char *b)
{
	unsigned char differ = 0;

	for (int i = 0; i < HF__TOKEN_BYTES; i++)
		differ |= a[i] ^ b[i];
	return differ == 0;
}

void hf__parking_add_locked(hf__parking *k, hf__parked *e)
{
	APR_RING_INSERT_TAIL(&k->parked, e, hf__parked, link);
	k->n++;
}

hf__parked *hf__parking_find_locked(hf__parking *k, const unsigned char *token)
{
	hf__parked *e;

	APR_RING_FOREACH (e, &k->parked, hf__parked, link)
		if (hf__parking_same(e->token, token))
			return e;
	return NULL;
}

void hf__parking_bury_locked(hf__parking *k, hf__parked *e, hf_error *why)
{
	hf__tomb *t = &k->tombs[k->next];

	APR_RING_REMOVE(e, link);
	k->n--;
	k->next = (k->next + 1) % TOMBS;
	hf_error_unref(t->why);
	*t = (hf__tomb){ .why = why, .at = hf__now() };
	for (int i = 0; i < HF__TOKEN_BYTES; i++)
		t->token[i] = e->token[i];
}

hf_error *hf__parking_reason_locked(hf__parking *k, const unsigned char *token)
{
	for (unsigned i = 0; k->tombs && i < TOMBS; i++) {
		const hf__tomb *t = &k->tombs[i];

		if (t->why && hf__parking_same(t->token, token))
			return hf__now() < hf__after(t->at, KEEP_MS) ? hf_error_ref(t->why) : NULL;
	}
	return NULL;
}
