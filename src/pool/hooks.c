/* SPDX-License-Identifier: MIT */
/* What follows a commit, and the savepoints that decide which of it is left. */
#include "pool/hooks.h"

#include "base/mem.h"

#include <string.h>

typedef struct hf__hook {
	struct hf__hook *next; /* the one given before it */
	hf_hook_fn *fn;
	void *arg;
	hf_free_fn *free_arg;
} hf__hook;

bool hf__hooks_add(hf__hooks *h, hf_hook_fn *fn, void *arg, hf_free_fn *free_arg)
{
	hf__hook *hook = hf__alloc(sizeof *hook);

	if (!hook)
		return false;
	*hook = (hf__hook){ h->newest, fn, arg, free_arg };
	h->newest = hook;
	h->n++;
	return true;
}

static void hook_free(hf__hook *hook)
{
	if (hook->free_arg)
		hook->free_arg(hook->arg);
	hf__free(hook);
}

/* Those that were given after the first `mark`. */
static void drop_after(hf__hooks *h, int mark)
{
	while (h->n > mark) {
		hf__hook *hook = h->newest;

		h->newest = hook->next;
		h->n--;
		hook_free(hook);
	}
}

static void drop_points(hf__hooks *h, const hf__point *until)
{
	while (h->points != until) {
		hf__point *p = h->points;

		h->points = p->below;
		hf__free(p);
	}
}

static hf__hook *reverse(hf__hook *newest)
{
	hf__hook *oldest = NULL;

	while (newest) {
		hf__hook *hook = newest;

		newest = hook->next;
		hook->next = oldest;
		oldest = hook;
	}
	return oldest;
}

void hf__hooks_end(hf__hooks *h, bool run)
{
	hf__hook *hook;

	drop_points(h, NULL);
	if (!run) {
		drop_after(h, 0);
		return;
	}
	hook = reverse(h->newest);
	h->newest = NULL;
	h->n = 0;
	while (hook) {
		hf__hook *next = hook->next;

		hook->fn(hook->arg);
		hook_free(hook);
		hook = next;
	}
}

/* --- savepoints --- */

hf__point *hf__point_new(const char *name, bool atomic)
{
	size_t n = strlen(name) + 1;
	hf__point *p = hf__alloc(sizeof *p + n);

	if (!p)
		return NULL;
	*p = (hf__point){ .atomic = atomic };
	memcpy(p->name, name, n);
	return p;
}

void hf__hooks_savepoint(hf__hooks *h, hf__point *made)
{
	made->below = h->points;
	made->mark = h->n;
	h->points = made;
}

static hf__point *find(const hf__hooks *h, const char *name)
{
	hf__point *p = h->points;

	while (p && strcmp(p->name, name) != 0)
		p = p->below;
	return p;
}

/* One that is not known here was made in the text of a statement. That is possible only while there
 * are no hooks, so all are younger. */
void hf__hooks_rollback_to(hf__hooks *h, const char *name)
{
	hf__point *p = find(h, name);

	drop_points(h, p);
	drop_after(h, p ? p->mark : 0);
}

void hf__hooks_release(hf__hooks *h, const char *name)
{
	hf__point *p = find(h, name);

	if (p)
		drop_points(h, p->below);
}

bool hf__hooks_out_of_reach(const hf__hooks *h, const char *name)
{
	for (const hf__point *p = h->points; p; p = p->below) {
		if (p->atomic)
			return true;
		if (strcmp(p->name, name) == 0)
			return false;
	}
	return false;
}

bool hf__hooks_taken(const hf__hooks *h, const char *name)
{
	const hf__point *p = h->points;

	while (p && !(p->atomic && strcmp(p->name, name) == 0))
		p = p->below;
	return p != NULL;
}
