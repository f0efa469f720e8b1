/* SPDX-License-Identifier: MIT */
/* Participants of global transactions: what is called, in which order, and how often. */
#include "engines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What happened, as words with a space before each. */
static char story[400];

/* A participant that writes its calls down: name is one letter. */
struct dummy {
	const char *name;
	hf_status begin, vote;
	int freed;
};

static void tell(const char *what, const struct dummy *d)
{
	size_t n = strlen(story);

	snprintf(story + n, sizeof story - n, " %s%s", what, d->name);
}

static hf_status on_begin(void *arg)
{
	const struct dummy *d = arg;

	tell("begin-", d);
	return d->begin;
}

static hf_status on_vote(void *arg)
{
	const struct dummy *d = arg;

	tell("vote-", d);
	return d->vote;
}

static void on_finish(void *arg)
{
	tell("commit-", arg);
}

static void on_abort(void *arg)
{
	tell("abort-", arg);
}

static void on_free(void *arg)
{
	struct dummy *d = arg;

	tell("free-", d);
	d->freed++;
}

static void join(hf_global *g, struct dummy *d, const char *sort_key)
{
	char name[8], key[8];

	snprintf(name, sizeof name, "%s", d->name);
	snprintf(key, sizeof key, "%s", sort_key ? sort_key : "");
	ck_assert_int_eq(
		hf_global_join(g, HF_PARTICIPANT(.name = name, .sort_key = sort_key ? key : NULL,
					  .begin = on_begin, .vote = on_vote, .finish = on_finish,
					  .abort = on_abort, .arg = d, .free_arg = on_free)),
		HF_OK);
	memset(name, '#', sizeof name); /* it was copied */
	memset(key, '#', sizeof key);
}

static void story_is(const char *expected)
{
	ck_assert_str_eq(story, expected);
	story[0] = '\0';
}

/* The twin of the dummy participant of pyramid_sqlassist's tests: "commit" when all goes well,
 * "abort" when the work fails. */
START_TEST(test_dummy)
{
	struct t_engines e = t_engines_open(NULL);
	struct dummy d = { .name = "x" };

	join(e.g, &d, NULL);
	t_done(t_add(e.at_shop, 1));
	story_is("");
	t_global_works(e.g);
	story_is(" begin-x vote-x commit-x free-x");

	t_engines_again(&e);
	join(e.g, &d, NULL);
	t_failed(t_add(e.at_shop, 1), HF_E_SQL);
	hf_error_unref(t_global_fails(e.g, HF_E_SQL));
	story_is(" begin-x vote-x abort-x free-x");

	t_engines_again(&e);
	join(e.g, &d, NULL);
	ck_assert_int_eq(hf_global_abort(e.g), HF_OK);
	story_is(" abort-x free-x");

	t_engines_again(&e);
	join(e.g, &d, NULL);
	t_done(t_add(e.at_shop, 2));
	t_engines_again(&e); /* frees it */
	story_is(" abort-x free-x");
	ck_assert_int_eq(d.freed, 4);
	ck_assert_int_eq(t_parts(), 100);
	t_engines_close(&e);
}
END_TEST

/* By sort_key, byte by byte; those with the same one in the order they joined. */
START_TEST(test_order)
{
	struct t_engines e = t_engines_open(NULL);
	struct dummy a = { .name = "a" }, b = { .name = "b" }, c = { .name = "c" },
		     d = { .name = "d" };

	join(e.g, &a, "~last");
	join(e.g, &d, NULL);
	join(e.g, &b, "B");
	join(e.g, &c, "B");
	t_global_works(e.g);
	story_is(" begin-b begin-c begin-d begin-a vote-b vote-c vote-d vote-a"
		 " commit-b commit-c commit-d commit-a free-b free-c free-d free-a");
	t_engines_close(&e);
}
END_TEST

/* Who refuses aborts all: those before it, itself, and those that were never asked. */
START_TEST(test_refusals)
{
	struct t_engines e = t_engines_open(NULL);
	hf_error *why;

	for (int i = 0; i < 2; i++) {
		struct dummy a = { .name = "a" }, c = { .name = "c" },
			     b = { .name = "b",
				     .begin = i == 0 ? HF_E_BUSY : HF_OK,
				     .vote = HF_E_USER };

		t_engines_again(&e);
		join(e.g, &a, NULL);
		join(e.g, &b, NULL);
		join(e.g, &c, NULL);
		t_done(t_add(e.at_shop, 1));
		t_done(t_add(e.at_bank, 1));
		why = t_global_fails(e.g, i == 0 ? HF_E_BUSY : HF_E_USER);
		t_says(why, i == 0 ? "\"b\" refused in begin" : "\"b\" refused in vote");
		hf_error_unref(why);
		story_is(i == 0 ? " begin-a begin-b abort-a abort-b abort-c free-a free-b free-c"
				: " begin-a begin-b begin-c vote-a vote-b abort-a abort-b abort-c"
				  " free-a free-b free-c");
		ck_assert_int_eq(t_parts(), 0);
	}
	t_engines_close(&e);
}
END_TEST

/* What takes part may be nothing but functions, and may have none of them. */
START_TEST(test_without_branches)
{
	hf_global *g = hf_global_new(NULL);
	struct dummy a = { .name = "a" };

	join(g, &a, NULL);
	ck_assert_int_eq(hf_global_join(g, HF_PARTICIPANT(.name = "idle")), HF_OK);
	t_global_works(g);
	story_is(" begin-a vote-a commit-a free-a");
	hf_global_free(g);
}
END_TEST

/* Sees what the database says at each of its calls. */
struct watcher {
	hf_txn *branch;
	int at_vote, at_end;
};

static hf_status write_more(void *arg)
{
	const struct watcher *w = arg;

	t_done(t_add(w->branch, 10));
	return HF_OK;
}

static hf_status look_at_vote(void *arg)
{
	struct watcher *w = arg;

	w->at_vote = t_parts();
	return HF_OK;
}

static void look_at_end(void *arg)
{
	struct watcher *w = arg;

	w->at_end = t_parts();
}

/* Nothing is committed at the vote and all is at the finish; in begin there still is time to write.
 */
START_TEST(test_what_they_see)
{
	struct t_engines e = t_engines_open(NULL);
	struct watcher w = { .branch = e.at_bank };

	ck_assert_int_eq(
		hf_global_join(e.g, HF_PARTICIPANT(.begin = write_more, .vote = look_at_vote,
					    .finish = look_at_end, .arg = &w)),
		HF_OK);
	t_done(t_add(e.at_shop, 1));
	t_done(t_add(e.at_bank, 1));
	t_global_works(e.g);
	ck_assert_int_eq(w.at_vote, 0);
	ck_assert_int_eq(w.at_end, 102);

	/* And at the abort everything is rolled back. */
	t_engines_again(&e);
	w = (struct watcher){ .branch = e.at_bank };
	ck_assert_int_eq(
		hf_global_join(e.g, HF_PARTICIPANT(.begin = write_more, /* is there already */
					    .vote = look_at_vote, .abort = look_at_end, .arg = &w)),
		HF_OK);
	t_done(t_add(e.at_shop, 2));
	t_done(hf_txn_query(e.at_bank, "delete from part where id = 10"));
	t_failed(t_add(e.at_shop, 1), HF_E_SQL);
	hf_error_unref(t_global_fails(e.g, HF_E_SQL));
	ck_assert_int_eq(w.at_end, 102);
	t_engines_close(&e);
}
END_TEST

/* The twin of zope.sqlalchemy's testTransactionJoining: a participant is there once it has joined,
 * not before, and never of one that has ended. */
START_TEST(test_transaction_joining)
{
	struct t_engines e = t_engines_open(NULL);
	struct dummy d = { .name = "d" };
	const hf_participant late = {
		.struct_size = sizeof late, .arg = &d, .finish = on_finish, .free_arg = on_free
	};

	t_global_works(e.g);
	story_is("");
	ck_assert_int_eq(hf_global_join(e.g, &late), HF_E_TXN_ENDED);
	story_is(" free-d");
	t_engines_again(&e);
	join(e.g, &d, NULL);
	t_global_works(e.g);
	story_is(" begin-d vote-d commit-d free-d");
	t_engines_close(&e);
}
END_TEST

/* The twin of testFailedJoin: after one that did not get in there is nothing but the abort. */
START_TEST(test_failed_join)
{
	struct t_engines e = t_engines_open(NULL);
	struct dummy in = { .name = "i" }, out = { .name = "o" };
	hf_participant wrong = { .struct_size = 3, .arg = &out };
	hf_error *why;

	join(e.g, &in, NULL);
	ck_assert_int_eq(hf_global_join(e.g, &wrong), HF_E_MISUSE);
	t_done(t_add(e.at_shop, 1));
	why = t_global_fails(e.g, HF_E_MISUSE);
	t_says(why, "HF_PARTICIPANT");
	hf_error_unref(why);
	story_is(" abort-i free-i");
	ck_assert_int_eq(t_parts(), 0);
	ck_assert_int_eq(hf_global_join(NULL, HF_PARTICIPANT(.arg = &out, .free_arg = on_free)),
		HF_E_MISUSE);
	ck_assert_int_eq(hf_global_join(e.g, NULL), HF_E_MISUSE);
	story_is(" free-o");
	t_engines_close(&e);
}
END_TEST

T_MAIN("participants", { "D34 commit on success, abort on error, once each", test_dummy, 0 },
	{ "D34 they are called in the order of their keys", test_order, 0 },
	{ "D34 one that refuses aborts all of them", test_refusals, 0 },
	{ "D34 without a branch they take part as well", test_without_branches, 0 },
	{ "D34 they see the branches before and after", test_what_they_see, 0 },
	{ "D34 they take part once they have joined", test_transaction_joining, 0 },
	{ "D34 after a failed join there is only the abort", test_failed_join, 0 })
