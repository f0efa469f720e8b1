/* SPDX-License-Identifier: MIT */
/* A link: opening, closing, watching and waiting. What is said over it is in wire.c. */
#include "pq/link.h"

#include "base/attr.h"
#include "base/clock.h"
#include "base/fork.h"
#include "base/mem.h"
#include "pq/result.h"
#include "value/error.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* After a cancel: how long until the next one, how many, and then the connection is closed. A
 * cancel that arrives before its statement has begun is ignored by the server, hence more than one.
 */
#define CANCEL_AGAIN_MS 700
#define CANCELS         3

void hf__link_init(hf__link *l, const hf__link_config *cfg)
{
	memset(l, 0, sizeof *l);
	l->cfg = *cfg;
	l->sock = l->fork_slot = -1;
}

static void show(hf__link *l, hf__shown what)
{
	atomic_store_explicit(&l->shown, (int)what, memory_order_relaxed);
}

void hf__link_close(hf__link *l)
{
	if (!l->pg)
		return;
	hf__fork_unlist(l->fork_slot);
	hf__cancel_free(l->cancel);
	PQfinish(l->pg);
	hf__stmt_cache_finish(&l->stmts);
	hf__strbuf_finish(&l->notices);
	l->pg = NULL;
	l->cancel = NULL;
	l->sock = l->fork_slot = -1;
	l->pid = 0;
	l->rtt = 0;
	l->broken = l->dirty = l->foreign_stmts = l->train_failed = false;
	l->train = 0;
	l->floats = HF__FLOATS_ASK;
	l->fatal[0] = l->server[0] = '\0';
	l->n_trips = 0;
	show(l, HF__SHOWN_IDLE);
}

void hf__link_trip_sent(hf__link *l)
{
	if (l->n_trips++ == 0)
		show(l, HF__SHOWN_ACTIVE);
}

void hf__link_trip_ended(hf__link *l)
{
	PGTransactionStatusType in;

	hf_assert(l->n_trips > 0);
	if (--l->n_trips > 0)
		return;
	in = PQtransactionStatus(l->pg);
	show(l, in == PQTRANS_INTRANS || in == PQTRANS_INERROR ? HF__SHOWN_IN_TXN : HF__SHOWN_IDLE);
}

/* Runs in the middle of libpq's parsing: it copies, and calls nothing of libpq that talks. */
static void on_notice(void *arg, const PGresult *res)
{
	hf__link *l = arg;
	const char *severity = PQresultErrorField(res, PG_DIAG_SEVERITY_NONLOCALIZED);
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

	if (severity && state && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0))
		snprintf(l->fatal, sizeof l->fatal, "%s", state);
	l->n_notices++;
	if (l->notices.n < 64 * 1024)
		hf__strbuf_printf(&l->notices, "%s%s: %s", l->notices.n ? "\n" : "",
			severity ? severity : "NOTICE", message ? message : "");
}

hf__session hf__link_session(const hf__link *l)
{
	if (!l->pg || l->broken || PQstatus(l->pg) != CONNECTION_OK)
		return HF__SESSION_LOST;
	if (l->train > 0) /* libpq says no more than that something is under way */
		return l->train_failed ? HF__SESSION_FAILED : HF__SESSION_TXN;
	switch (PQtransactionStatus(l->pg)) {
	case PQTRANS_IDLE:
		return HF__SESSION_IDLE;
	case PQTRANS_INTRANS:
		return HF__SESSION_TXN;
	case PQTRANS_INERROR:
		return HF__SESSION_FAILED;
	case PQTRANS_ACTIVE:
	case PQTRANS_UNKNOWN:
		break;
	}
	return HF__SESSION_LOST;
}

bool hf__link_gone(const hf__link *l)
{
	return l->pg && (l->fatal[0] || PQstatus(l->pg) != CONNECTION_OK);
}

void hf__link_peer(const hf__link *l, char *out, size_t n)
{
	const char *host = PQhost(l->pg), *port = PQport(l->pg);

	snprintf(out, n, "%s, port %s", host && *host ? host : "the default host",
		port && *port ? port : "unknown");
}

int hf__link_version(const hf__link *l)
{
	return PQserverVersion(l->pg);
}

bool hf__link_tells_outcomes(const hf__link *l)
{
	return l->server[0] && l->pg && PQserverVersion(l->pg) >= 130000;
}

bool hf__link_escaped_read_only(const hf__link *l)
{
	const char *says = l->pg && l->cfg.read_only
				   ? PQparameterStatus(l->pg, "default_transaction_read_only")
				   : NULL;

	return says && strcmp(says, "off") == 0;
}

/* --- waiting --- */

static void fire(hf__link *l)
{
	if (l->cancels >= CANCELS || !l->cancel)
		return;
	hf__cancel_fire(l->cancel);
	l->cancels++;
	l->again_at = hf__deadline(CANCEL_AGAIN_MS);
}

void hf__link_stop(hf__link *l)
{
	if (l->asked == HF__ASK_NONE)
		l->asked = HF__ASK_CANCEL;
}

/* The instant at which something must be done even if nothing happens. */
static int64_t next_instant(const hf__link *l, const hf__guard *g)
{
	int64_t t = g->give_up_at;

	if (l->cancels == 0 && g->cancel_at < t)
		t = g->cancel_at;
	if (l->cancels > 0 && l->again_at < t)
		t = l->again_at;
	return t;
}

/* False: the time is up, or was ended from outside. */
static bool act_on_time(hf__link *l, const hf__guard *g)
{
	int64_t now;

	if (l->asked == HF__ASK_NONE && next_instant(l, g) == HF__NEVER)
		return true;
	now = hf__now();
	if (now >= g->give_up_at || l->asked == HF__ASK_ABORT)
		return false;
	if (l->cancels == 0 && now >= g->cancel_at) {
		l->late = true;
		fire(l);
	} else if (l->cancels >= CANCELS && now >= l->again_at) {
		return false;
	} else if (l->cancels > 0 && now >= l->again_at) {
		fire(l);
	} else if (l->cancels == 0 && l->asked == HF__ASK_CANCEL) {
		fire(l);
	}
	return true;
}

/* Its last words are still to be read, and then its end. */
static bool has_hung_up(const hf__link *l)
{
	struct pollfd p = { l->sock, POLLRDHUP, 0 };

	return PQstatus(l->pg) == CONNECTION_BAD || (poll(&p, 1, 0) > 0 && p.revents);
}

/* What would block leaves EAGAIN, and something to send. Once a send has failed libpq throws away
 * what it is to send and tries to read instead: that leaves EAGAIN, and nothing. */
bool hf__link_refused(const hf__link *l)
{
	if (errno == EAGAIN) {
		errno = ENODATA; /* stays where there is nothing to send */
		if (PQflush(l->pg) > 0)
			return false;
	}
	return errno != 0 && errno != EINTR && !has_hung_up(l);
}

int hf__link_flush(hf__link *l)
{
	int more;

	errno = 0;
	more = PQflush(l->pg);
	return more == 0 && hf__link_refused(l) ? -1 : more;
}

int hf__link_push(hf__link *l)
{
	int more = hf__link_flush(l);

	l->broken |= more < 0 && PQstatus(l->pg) != CONNECTION_BAD;
	return more;
}

/* Without a limit where nothing is due: the kernel needs no timer then, which is 2 % of a short
 * query.
 */
static int timeout_ms(int64_t due)
{
	return due == HF__NEVER ? -1 : hf__ms_left(due, 60000);
}

/* Sleeps without an eye on the socket, so that the server need not wake anybody for what it sends
 * meanwhile. Too short for a limit to be missed by much. 0: it was not poked. */
static int gather(struct pollfd *wake, int64_t ns)
{
	struct timespec ts = { ns / 1000000000, ns % 1000000000 };

	return ppoll(wake, 1, &ts, NULL);
}

bool hf__link_sleep(hf__link *l, bool write, const hf__guard *g)
{
	struct pollfd p[2] = { { -1, POLLIN, 0 }, { l->cfg.wake->fd, POLLIN, 0 } };
	int64_t gather_ns = 0;
	int n, more;

	if (g->before_sleep) {
		gather_ns = g->before_sleep(g->arg);
		more = l->broken ? -1 : hf__link_flush(l); /* what it has sent */
		if (more < 0)
			goto give_up;
		write |= more > 0;
	}
	if (!act_on_time(l, g))
		goto give_up;
	p[0].fd = l->sock;
	p[0].events |= (short)(write ? POLLOUT : 0);
	n = gather_ns > 0 && !write ? gather(&p[1], gather_ns)
				    : poll(p, 2, timeout_ms(next_instant(l, g)));
	if (n < 0 && errno != EINTR)
		goto give_up;
	if (n > 0 && p[1].revents) {
		hf__wake_clear(l->cfg.wake);
		if (g->ask)
			l->asked = g->ask(g->arg);
	}
	if (!act_on_time(l, g))
		goto give_up;
	return true;
give_up:
	l->broken = true;
	return false;
}

/* --- opening --- */

/* From its first moment a socket is one that a child must not keep: libpq may go through several.
 */
static void list_socket(hf__link *l)
{
	if (l->sock == PQsocket(l->pg))
		return;
	hf__fork_unlist(l->fork_slot);
	l->sock = PQsocket(l->pg);
	l->fork_slot = hf__fork_list(l->sock);
}

/* Drives PQconnectPoll. NULL: connected; else what to say (or "" for libpq's own words). */
static const char *drive_connect(hf__link *l, const hf__guard *g)
{
	PostgresPollingStatusType st = PGRES_POLLING_WRITING;

	while (st != PGRES_POLLING_OK) {
		if (st == PGRES_POLLING_FAILED)
			return "";
		list_socket(l);
		if (!hf__link_sleep(l, st == PGRES_POLLING_WRITING, g))
			return l->asked == HF__ASK_ABORT ? "the attempt was called off"
							 : "no answer within connect_ms";
		if (l->asked != HF__ASK_NONE)
			return "the attempt was called off";
		st = PQconnectPoll(l->pg);
	}
	return NULL;
}

static bool settle_in(hf__link *l)
{
	list_socket(l);
	l->pid = PQbackendPID(l->pg);
	l->cancel = hf__cancel_new(l->cfg.canceler, l->pg);
	PQsetErrorVerbosity(l->pg, PQERRORS_DEFAULT);
	return l->cancel && PQsetnonblocking(l->pg, 1) == 0 && PQenterPipelineMode(l->pg) == 1;
}

static void begin_wait(hf__link *l)
{
	l->asked = HF__ASK_NONE;
	l->late = false;
	l->cancels = 0;
}

hf_error *hf__link_open(hf__link *l, const hf__dsn *dsn, const hf__guard *guard)
{
	const char *problem;
	hf_error *e = NULL;

	l->pg = PQconnectStartParams(
		(const char *const *)dsn->keys, (const char *const *)dsn->values, 0);
	if (!l->pg)
		return hf__error_nomem();
	hf__stmt_cache_init(&l->stmts, l->cfg.max_statements);
	l->extras = (hf__extras){ .off = l->cfg.max_statements <= 0 };
	PQsetNoticeReceiver(l->pg, on_notice, l);
	PQsetErrorVerbosity(l->pg, PQERRORS_VERBOSE);
	begin_wait(l);
	problem = PQstatus(l->pg) == CONNECTION_BAD ? "" : drive_connect(l, guard);
	if (problem)
		e = hf__link_connect_error(l, dsn, *problem ? problem : NULL);
	else if (!settle_in(l))
		e = hf__error_nomem();
	if (!e && !l->cfg.read_only)
		e = hf__link_ask_server(l, guard);
	if (e)
		hf__link_close(l);
	else
		l->connected_at = l->used_at = hf__now();
	return e;
}

bool hf__link_alive(hf__link *l)
{
	char byte;
	ssize_t n;

	if (hf__link_session(l) == HF__SESSION_LOST)
		return false;
	n = recv(l->sock, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	if (n < 0) {
		l->broken = errno != EAGAIN && errno != EINTR;
		return !l->broken;
	}
	/* Something came unasked: a notice, a changed setting, or the reason why the server hung
	 * up. The first PQconsumeInput may still say that all is well where the second sees the
	 * end. */
	for (int i = 0; i < 2 && !l->broken; i++) {
		l->broken = n == 0 || !PQconsumeInput(l->pg);
		(void)PQisBusy(l->pg);
	}
	if (l->fatal[0])
		l->broken = true;
	return !l->broken;
}

bool hf__link_rest(hf__link *l, int64_t deadline)
{
	struct pollfd p[2] = { { l->sock, POLLIN | POLLRDHUP, 0 }, { l->cfg.wake->fd, POLLIN, 0 } };
	int n = poll(p, 2, hf__ms_left(deadline, 60000));

	if (n > 0 && p[1].revents)
		hf__wake_clear(l->cfg.wake);
	return n <= 0 || !p[0].revents || hf__link_alive(l);
}

int hf__link_plain_socket(const hf__link *l)
{
	return PQsslInUse(l->pg) || PQgssEncInUse(l->pg) ? -1 : l->sock;
}

hf_error *hf__link_lost(hf__link *l, const char *query)
{
	hf__error_spec spec = { .status = HF_E_CONN_LOST,
		.traits = HF_CONNECTION,
		.sqlstate = l->fatal,
		.message = "the connection to the server was lost",
		.field[HF_ERR_QUERY] = query };

	l->broken = true;
	if (l->asked == HF__ASK_ABORT)
		spec.message = "the connection was closed: the pool is being terminated";
	else if (l->asked == HF__ASK_CANCEL || l->late)
		spec.message =
			"the server did not react to being cancelled; its connection was closed";
	else if (l->pg && PQstatus(l->pg) == CONNECTION_OK)
		spec.message = "the server did not answer in time; its connection was closed";
	if (l->asked == HF__ASK_CANCEL)
		spec.status = HF_E_CANCELED;
	else if (l->late)
		spec.status = HF_E_TIMEOUT;
	return hf__error_new(&spec);
}
