/* SPDX-License-Identifier: MIT */
/* Texts of our own that travel with statements of users. */
#include "pq/extras.h"

#include <stdio.h>
#include <string.h>

/* Named after their first word, for whoever reads pg_prepared_statements. */
static hf__extra *add(hf__extras *x, const char *text)
{
	hf__extra *e = &x->v[x->n++];
	int word = (int)strcspn(text, " ");

	e->prepared = e->parsing = false;
	snprintf(e->name, sizeof e->name, "hf_%.*s_%u", word < 8 ? word : 8, text, ++x->serial);
	snprintf(e->text, sizeof e->text, "%s", text);
	return e;
}

hf__extra *hf__extras_use(hf__extras *x, const char *text)
{
	if (x->off)
		return NULL;
	for (int i = 0; i < x->n; i++)
		if (strcmp(x->v[i].text, text) == 0)
			return &x->v[i];
	return x->n < HF__EXTRAS && strlen(text) < sizeof x->v[0].text ? add(x, text) : NULL;
}

void hf__extras_forget(hf__extras *x)
{
	x->n = 0;
}
