/* SPDX-License-Identifier: MIT */
/* Receiving: the results of a trip, in order, and what is wrong with them. See wire.c for "poison".
 */
#include "pq/wire.h"

#include "base/clock.h"
#include "pq/copy.h"
#include "pq/format.h"
#include "value/error.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

/* What may still come after a result has become too large, until its connection is cut. */
#define FLOOD_GRACE ((size_t)4 << 20)
#define FIRST_READ  ((size_t)64 << 10)

/* A longer answer is read where reading it may wait. */
#define MANY_READS 8

static int in_kernel(const hf__link *l)
{
	int n = 0;

	return ioctl(l->sock, FIONREAD, &n) == 0 && n > 0 ? n : 0;
}

/* Reads what has come. Counts at least what was read, never more: the server goes on sending, so
 * that the kernel's queue need not get shorter, but libpq makes room for 8 KiB before it reads. */
static bool consume(hf__link *l)
{
	int before = in_kernel(l), after, least = before < 8192 ? before : 8192;
	bool ok = PQconsumeInput(l->pg) == 1;

	after = in_kernel(l);
	l->bytes += (size_t)(before - after > least ? before - after : least);
	return ok;
}

/* A flush that would block has read as well: counted as above. */
static int flush_again(hf__link *l)
{
	int before = in_kernel(l), more = hf__link_push(l), read = before - in_kernel(l);
	int least = before < 8192 ? before : 8192;

	if (more > 0)
		l->bytes += (size_t)(read > least ? read : least);
	return more;
}

/* libpq wrote an error without having a result for us: sign two of poison. A server's own error
 * stays in PQerrorMessage after its result was taken; only growth counts. */
static bool poisoned(hf__link *l)
{
	size_t n = strlen(PQerrorMessage(l->pg));
	bool grew = n > l->error_len;

	l->error_len = n;
	return grew;
}

static bool too_large(const hf__trip *t, size_t bytes)
{
	size_t most = t->l->cfg.max_result;

	return most > 0 && bytes > most && !t->run->on_row && !t->run->copy;
}

static void refuse_size(hf__trip *t)
{
	if (!t->error)
		t->error = hf__error_new(&(hf__error_spec){ .status = HF_E_TOO_LARGE,
			.message = "the result is larger than max_result; stream it row by row, or "
				   "raise the limit",
			.field[HF_ERR_QUERY] = t->run->sql });
}

/* More is coming than may: the server is asked to stop, and what does not (one value can be a
 * gigabyte) is cut off. False: cut off. */
static bool stop_flood(hf__trip *t)
{
	if (!too_large(t, t->l->bytes))
		return true;
	refuse_size(t);
	hf__link_stop(t->l);
	return t->l->bytes < FLOOD_GRACE || !too_large(t, t->l->bytes - FLOOD_GRACE);
}

/* Waits until PQgetResult would not block. False: the link is broken. What comes first is not
 * counted: mostly it is all, and counting costs two calls of the system. */
static bool await_result(hf__trip *t)
{
	hf__link *l = t->l;

	for (bool first = true;; first = false) {
		int more = hf__link_push(l);

		if (l->broken)
			return false;
		if (!PQisBusy(l->pg))
			return true;
		if (poisoned(l) || !hf__link_sleep(l, more > 0, &t->run->guard))
			return false;
		/* Reading would send as well, and hide how that went; also what the sleep added. */
		more = more > 0 ? flush_again(l) : hf__link_push(l);
		if (l->broken)
			return false;
		if (more <= 0 && (first ? !PQconsumeInput(l->pg) : !consume(l)))
			return !PQisBusy(l->pg);
		if (!stop_flood(t))
			return false;
	}
}

/* The next result, or NULL: the end of a command's results, or a broken link. */
static PGresult *next_result(hf__trip *t)
{
	hf__link *l = t->l;
	PGresult *r;

	if (!await_result(t)) {
		l->broken = true;
		return NULL;
	}
	r = PQgetResult(l->pg);
	l->error_len = strlen(PQerrorMessage(l->pg));
	return r;
}

/* 57014 says only that the statement was stopped; who wanted it is known here. The server may have
 * begun before the answer to what went ahead was read, so that only a cancel of ours makes the
 * limit a matter of how long it ran for all that is known. */
static hf_status stopped_status(const hf__trip *t, int64_t began)
{
	const hf__link *l = t->l;
	const hf__run *run = t->run;
	bool by_us = l->cancels > 0 || run->shot_at;
	int64_t ran_ms = (hf__now() - (by_us ? began : t->sent_at)) / HF__MS;

	if (l->asked == HF__ASK_CANCEL)
		return HF_E_CANCELED;
	if (l->late || (run->limit_ms > 0 && ran_ms + 1 >= run->limit_ms))
		return HF_E_TIMEOUT;
	return HF_E_CANCELED;
}

static void lose_extra(hf__trip *t, int index)
{
	t->extra_gone = true;
	t->run->stale_plan = index < t->main_index;
	/* Where the transaction had failed before, the Parse may have been skipped with that. */
	t->l->extras.off |= index > t->main_index && !t->l->train_failed;
}

static void keep_error(hf__trip *t, const PGresult *r, int index, int64_t began)
{
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	const char *from = PQresultErrorField(r, PG_DIAG_SOURCE_FUNCTION);
	hf_status as = HF_OK;

	if (!state) { /* sign three */
		t->l->broken = true;
		return;
	}
	if (strcmp(state, "57014") == 0)
		as = stopped_status(t, began);
	if (index <= t->main_index && (strcmp(state, "26000") == 0 ||
					      (strcmp(state, "0A000") == 0 && from &&
						      strcmp(from, "RevalidateCachedQuery") == 0)))
		t->run->stale_plan = t->named;
	if (strcmp(state, "26000") == 0 && index < 32 && t->extras >> index & 1)
		lose_extra(t, index);
	if (index == t->evict_index)
		t->evict_failed = t->run->stale_plan = true;
	if (hf__error_ends_session(r)) {
		t->l->broken = true;
		if (strncmp(state, "XX", 2) != 0)
			snprintf(t->l->fatal, sizeof t->l->fatal, "%s", state);
	}
	if (!t->error)
		t->error = hf__error_from_pg(r,
			t->run->commit && index > t->main_index ? "COMMIT" : t->run->sql, as,
			t->run->text == NULL);
}

static size_t bytes_in(const PGresult *r)
{
	size_t n = 0;

	for (int row = 0; row < PQntuples(r); row++)
		for (int i = 0; i < PQnfields(r); i++)
			n += (size_t)PQgetlength(r, row, i);
	return n;
}

/* Not all that was read was counted: nothing of what was read first, and little of a large message,
 * which libpq reads on its own while more of it comes. Where the limit is as small as the first
 * read, memory tells; else what is in the result, if its memory makes that possible. */
static void check_size(hf__trip *t, const PGresult *r)
{
	size_t memory = PQresultMemorySize(r);

	if (too_large(t, t->l->bytes) ||
		(too_large(t, memory) &&
			(t->l->cfg.max_result < FIRST_READ || too_large(t, bytes_in(r)))))
		refuse_size(t);
}

/* Rows of a streamed query, to its callback. Once it has stopped, the rest is read and dropped. */
static void deliver(hf__trip *t, PGresult *pg)
{
	hf__run *run = t->run;
	hf_result *rows;
	size_t n = (size_t)PQntuples(pg);

	t->l->bytes = 0;
	if (*PQcmdStatus(pg))
		snprintf(run->tag, sizeof run->tag, "%s", PQcmdStatus(pg));
	if (run->stopped != HF_OK || t->error) {
		PQclear(pg);
		return;
	}
	rows = hf__result_show(t->rows, pg);
	if (!rows)
		run->stopped = HF_E_NOMEM;
	for (size_t i = 0; i < n && run->stopped == HF_OK; i++)
		run->stopped = run->on_row(hf_result_row(rows, i), run->row_arg);
	t->rows = rows ? hf__result_hide(rows) : NULL;
	if (run->stopped == HF_PENDING)
		run->stopped = HF_E_USER;
	if (run->stopped != HF_OK)
		hf__link_stop(t->l);
}

/* A COPY where one was asked for, or not. */
static void begin_copy(hf__trip *t, const PGresult *r)
{
	const hf__copy *k = t->run->copy;

	t->copying = k && !t->copied && PQnfields(r) == k->columns &&
		     PQresultStatus(r) == (k->in ? PGRES_COPY_IN : PGRES_COPY_OUT);
	if (t->copying)
		return;
	if (!t->error)
		t->error = hf__error_new(&(hf__error_spec){ .status = HF_E_MISUSE,
			.message = k ? "the columns of the COPY are not those that it was "
				       "prepared for"
				     : "COPY through the client is not possible in a query",
			.field[HF_ERR_QUERY] = t->run->sql });
	t->l->broken = true;
}

/* The result of what travelled along with the statement. */
static void note_answer(hf__trip *t, PGresult *r, int index)
{
	hf__run *run = t->run;

	if (index == t->prepare_index)
		t->entry->prepared = true;
	else if (index == t->describe_index)
		t->columns = hf__format_learn(r);
	else if (index == t->floats_index)
		hf__format_told(t->l, r);
	for (int i = 0; i < t->n_made; i++)
		t->made[i]->prepared |= t->made_at[i] == index;
	if (index == t->xid_index && PQntuples(r) == 1)
		snprintf(run->xid, sizeof run->xid, "%s", PQgetvalue(r, 0, 0));
	else if (index == t->commit_index)
		snprintf(run->commit_tag, sizeof run->commit_tag, "%s", PQcmdStatus(r));
}

/* Sorts one result of command `index` in. Takes it. */
static void take_result(hf__trip *t, PGresult *r, int index, int64_t began)
{
	switch (PQresultStatus(r)) {
	case PGRES_COMMAND_OK:
	case PGRES_TUPLES_OK:
	case PGRES_EMPTY_QUERY:
		if (index == t->main_index && !t->main) {
			t->main = r;
			check_size(t, r);
			return;
		}
		note_answer(t, r, index);
		break;
#ifdef LIBPQ_HAS_CHUNK_MODE
	case PGRES_TUPLES_CHUNK:
#endif
	case PGRES_SINGLE_TUPLE:
		deliver(t, r);
		return;
	case PGRES_FATAL_ERROR:
	case PGRES_BAD_RESPONSE:
		/* Behind the result of a lone one it is the Sync's. */
		keep_error(t, r, t->lone && t->main ? index + 1 : index, began);
		break;
	case PGRES_PIPELINE_ABORTED:
		t->aborted |= index == t->main_index && !t->error;
		break;
	case PGRES_COPY_IN:
	case PGRES_COPY_OUT:
	case PGRES_COPY_BOTH:
		begin_copy(t, r);
		break;
	case PGRES_PIPELINE_SYNC: /* too early: sign four */
	case PGRES_NONFATAL_ERROR:
		t->l->broken = true;
		break;
	}
	PQclear(r);
}

static void stream_rows(hf__trip *t)
{
#ifdef LIBPQ_HAS_CHUNK_MODE
	if (!PQsetChunkedRowsMode(t->l->pg, 256))
		t->l->broken = true;
#else
	if (!PQsetSingleRowMode(t->l->pg))
		t->l->broken = true;
#endif
}

/* What is left of the trip may be a COMMIT, which nobody cancels any more. */
static void end_main(hf__trip *t)
{
	hf__run *run = t->run;

	run->main_done = !t->l->broken && !t->error && !t->aborted;
	if (!run->commit || !run->main_done)
		return;
	run->guard = run->commit_guard;
	run->guard.give_up_at = hf__deadline(t->l->cfg.stall_ms); /* from now, not from sending */
	t->l->asked = run->guard.ask(run->guard.arg);
	t->l->late = false;
	t->l->cancels = 0;
}

/* All results of the command have come. */
static void end_command(hf__trip *t, int index)
{
	if (!t->any) /* sign four */
		t->l->broken = true;
	t->any = false;
	t->n_read = index + 1;
	t->rows = hf_result_unref(t->rows);
	if (index == t->main_index)
		end_main(t);
}

void hf__trip_read(hf__trip *t, int index, int64_t began)
{
	PGresult *r;

	if (index == t->main_index && t->run->on_row && !t->error)
		stream_rows(t);
	while (!t->l->broken && (r = next_result(t)) != NULL) {
		t->any = true;
		take_result(t, r, index, began);
	}
	end_command(t, index);
}

hf__answer hf__trip_read_ready(hf__trip *t)
{
	hf__link *l = t->l;
	PGresult *r;

	/* Reading would send what is left, and hide how that went; and nobody here waits until
	 * there is room for it. */
	if (hf__link_push(l) != 0)
		return HF__ANSWER_ODD;
	if (!(t->reads++ == 0 ? PQconsumeInput(l->pg) == 1 : consume(l)) || t->reads > MANY_READS)
		return HF__ANSWER_ODD;
	while (t->n_read < t->n_commands && !l->broken) {
		if (PQisBusy(l->pg))
			return poisoned(l) ? HF__ANSWER_ODD : HF__ANSWER_PART;
		r = next_result(t);
		t->any |= r != NULL;
		if (r)
			take_result(t, r, t->n_read, t->began);
		else
			end_command(t, t->n_read);
	}
	if (l->broken)
		return HF__ANSWER_ODD;
	return PQisBusy(l->pg) ? HF__ANSWER_PART : HF__ANSWER_ALL;
}

/* Up to and with the Sync; an error that belongs to it comes first. */
void hf__trip_read_sync(hf__trip *t, int64_t began)
{
	bool had_error = false;

	while (!t->l->broken) {
		PGresult *r = next_result(t);
		ExecStatusType st = PQresultStatus(r);

		if (r && st == PGRES_PIPELINE_SYNC) {
			PQclear(r);
			return;
		}
		if (r && st == PGRES_FATAL_ERROR) {
			keep_error(t, r, t->n_commands, began);
			had_error = true;
		} else if (r || !had_error) {
			t->l->broken = true; /* sign four */
		}
		PQclear(r);
	}
}

bool hf__trip_read_one(hf__trip *t, int64_t began)
{
	PGresult *r = t->l->broken ? NULL : next_result(t);

	if (!r)
		return false;
	take_result(t, r, t->main_index, began);
	return true;
}
