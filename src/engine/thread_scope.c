/* SPDX-License-Identifier: MIT */
/* A scope for each thread, behind a key of the registry. The scope holds the registry, so the key
 * is there for as long as a thread has one. */
#include "engine/scope.h"

#include "base/fork.h"
#include "value/error.h"

/* At a thread's end. */
static void end_scope(void *scope)
{
	hf_scope_unref(scope);
}

/* Once it is there it stays, and is read without the lock. */
static bool make_key(hf_engines *e)
{
	bool has;

	hf__lock(&e->lock);
	if (!e->has_scope_key)
		e->has_scope_key = pthread_key_create(&e->scope_key, end_scope) == 0;
	has = e->has_scope_key;
	hf__unlock(&e->lock);
	return has;
}

static bool usable(const hf_scope *s)
{
	return s && s->forks == hf__fork_count() && !s->ended;
}

hf_scope *hf_thread_scope(hf_engines *e)
{
	hf_error *why = hf__engines_refusal(e);
	hf_scope *s, *old;

	if (hf__error_give(why, NULL) == HF_E_FORKED)
		return hf__scope_of_the_parent();
	if (why || !make_key(e))
		return NULL;
	old = pthread_getspecific(e->scope_key);
	if (usable(old))
		return old;
	s = hf_scope_new(e, NULL);
	if (s && pthread_setspecific(e->scope_key, s) != 0)
		return hf_scope_unref(s);
	if (s)
		hf_scope_unref(old);
	return s;
}

void hf_thread_scope_end(hf_engines *e)
{
	hf_error *why = hf__engines_refusal(e);
	hf_scope *s;

	hf_error_unref(why);
	if (why || !make_key(e))
		return;
	s = pthread_getspecific(e->scope_key);
	pthread_setspecific(e->scope_key, NULL);
	if (s)
		hf_scope_end(s);
	hf_scope_unref(s);
}
