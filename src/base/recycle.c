/* SPDX-License-Identifier: MIT */
/* Blocks of one size that are used again. */
#include "base/recycle.h"

#include "base/attr.h"
#include "base/mem.h"

/* A block that nobody uses. */
struct hf__recycled {
	struct hf__recycled *next;
};

void hf__recycle_init(hf__recycle *r, size_t size, unsigned keep)
{
	hf_assert(size >= sizeof(struct hf__recycled));
	r->size = size;
	r->keep = keep;
	atomic_init(&r->hot, NULL);
	atomic_init(&r->n_given, 0);
	atomic_init(&r->given, NULL);
	hf__mutex_init(&r->lock, HF__L_LEAF);
	r->at_hand = NULL;
}

static void free_all(struct hf__recycled *b)
{
	for (struct hf__recycled *next; b; b = next) {
		next = b->next;
		hf__free(b);
	}
}

void hf__recycle_finish(hf__recycle *r)
{
	hf__free(atomic_load(&r->hot));
	free_all(r->at_hand);
	free_all(atomic_load(&r->given));
	hf__mutex_finish(&r->lock);
}

void hf__recycle_hold(hf__recycle *r)
{
	hf__lock(&r->lock);
}

void hf__recycle_release(hf__recycle *r)
{
	hf__unlock(&r->lock);
}

#ifdef HF__EACH_ITS_OWN

void *hf__recycle_take(hf__recycle *r)
{
	return hf__alloc(r->size);
}

void hf__recycle_give(hf__recycle *r, void *block)
{
	(void)r;
	hf__free(block);
}

#else

/* A block pushed between the two steps is on the new stack uncounted, or counted and not on it: off
 * by one for each thread that is just giving, until the next time. */
static struct hf__recycled *take_stack(hf__recycle *r)
{
	if (!atomic_load_explicit(&r->given, memory_order_relaxed))
		return NULL;
	atomic_store_explicit(&r->n_given, 0, memory_order_relaxed);
	return atomic_exchange_explicit(&r->given, NULL, memory_order_acquire);
}

/* What is given and taken in turns goes through one word, without the lock. */
static struct hf__recycled *take_hot(hf__recycle *r)
{
	if (!atomic_load_explicit(&r->hot, memory_order_relaxed))
		return NULL;
	return atomic_exchange_explicit(&r->hot, NULL, memory_order_acquire);
}

static bool give_hot(hf__recycle *r, struct hf__recycled *b)
{
	struct hf__recycled *none = NULL;

	return !atomic_load_explicit(&r->hot, memory_order_relaxed) &&
	       atomic_compare_exchange_strong_explicit(
		       &r->hot, &none, b, memory_order_release, memory_order_relaxed);
}

static struct hf__recycled *take_kept(hf__recycle *r)
{
	struct hf__recycled *b = take_hot(r);

	if (b)
		return b;

	hf__lock(&r->lock);
	b = r->at_hand ? r->at_hand : take_stack(r);
	if (b)
		r->at_hand = b->next;
	if (r->at_hand)
		__builtin_prefetch(r->at_hand); /* whoever gave it back has it in another cache */
	hf__unlock(&r->lock);
	return b;
}

void *hf__recycle_take(hf__recycle *r)
{
	void *block = take_kept(r);

	if (!block)
		return hf__alloc(r->size);
	if (!hf__mem_refused())
		return block;
	hf__recycle_give(r, block);
	return NULL;
}

static void push(hf__recycle *r, struct hf__recycled *b)
{
	b->next = atomic_load_explicit(&r->given, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(
		&r->given, &b->next, b, memory_order_release, memory_order_relaxed))
		;
}

void hf__recycle_give(hf__recycle *r, void *block)
{
	if (!block || give_hot(r, block))
		return;
	if (atomic_load_explicit(&r->n_given, memory_order_relaxed) >= r->keep) {
		hf__free(block);
		return;
	}
	atomic_fetch_add_explicit(&r->n_given, 1, memory_order_relaxed);
	push(r, block);
}

#endif
