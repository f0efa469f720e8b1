/* SPDX-License-Identifier: MIT */
/* A small HTTP server with a thread for each connection, whose handlers block: a shop that reads
 * through the reader, sells through the writer and keeps its log through the logger. A request is a
 * scope. It ends with the request, however that ends; what was not committed is rolled back then,
 * and the log's lines stand.
 *
 *     cc request_scope.c $(pkg-config --cflags --libs holdfast libmicrohttpd)
 *     ./a.out "postgresql:///mydb" 8080
 *
 *     curl http://127.0.0.1:8080/                                  is only logged
 *     curl http://127.0.0.1:8080/stock?item=1                      reads
 *     curl -X POST http://127.0.0.1:8080/order?item=1              writes and commits
 *     curl -X POST "http://127.0.0.1:8080/order?item=1&card=bad"   fails when all is written
 *     curl -X POST http://127.0.0.1:8080/buy?item=1                reads, writes and commits
 *     curl -X POST http://127.0.0.1:8080/cheat?item=1              is refused by the server
 *     seq 1 9 | curl -X POST -T - http://127.0.0.1:8080/import     an order in each line
 *
 * Whoever hangs up in the middle of /import has ordered nothing. */
#include <holdfast.h>

#include <arpa/inet.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct request {
	hf_scope *scope;
	unsigned status; /* of the answer; 0: none yet */
	hf_error *why;   /* what an /import has failed for */
	int item;        /* of a line of /import that has not ended yet */
	int orders;
} request;

/* --- what a request does --- */

/* A statement whose rows nobody needs. */
#define run(session, why, ...) hf_session_fetch((session), NULL, (why), __VA_ARGS__)

static hf_status order(request *r, int item, hf_error **why)
{
	hf_session *writer = hf_writer(r->scope); /* not touched before its first statement */
	hf_status st = run(writer, why, "insert into hf_order (item) values ($1)", item);

	if (st == HF_OK)
		st = run(writer, why, "update hf_item set stock = stock - 1 where id = $1", item);
	r->orders += st == HF_OK;
	return st;
}

/* Takes the body of /import as it comes: numbers, one in a line. */
static void import(request *r, const char *data, size_t n)
{
	for (size_t i = 0; i < n && !r->why; i++) {
		if (data[i] >= '0' && data[i] <= '9' && r->item < 1000000) {
			r->item = r->item * 10 + (data[i] - '0');
			continue;
		}
		if (r->item > 0 && order(r, r->item, &r->why) != HF_OK)
			return;
		r->item = 0;
	}
}

static enum MHD_Result answer(
	request *r, struct MHD_Connection *conn, unsigned status, const char *text)
{
	char line[200];
	int n = snprintf(line, sizeof line, "%.190s\n", text);
	struct MHD_Response *res =
		MHD_create_response_from_buffer((size_t)n, line, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result queued = MHD_queue_response(conn, status, res);

	MHD_destroy_response(res);
	r->status = status;
	return queued;
}

/* Why it failed; unrefs it. Clients are told what they can mend, the log is told all. */
static enum MHD_Result refuse(request *r, struct MHD_Connection *conn, hf_error *why)
{
	unsigned status = hf_error_is(why, HF_INTEGRITY)      ? MHD_HTTP_CONFLICT
			  : hf_error_status(why) == HF_E_BUSY ? MHD_HTTP_SERVICE_UNAVAILABLE
							      : MHD_HTTP_INTERNAL_SERVER_ERROR;

	fprintf(stderr, "%s: %s\n", hf_scope_label(r->scope), hf_error_message(why));
	hf_error_unref(why);
	return answer(r, conn, status, status == MHD_HTTP_CONFLICT ? "not in stock" : "try later");
}

/* What was written is committed, and only then told. */
static enum MHD_Result settle(request *r, struct MHD_Connection *conn)
{
	char text[40];
	hf_error *why;

	if (hf_scope_commit(r->scope, &why) != HF_OK)
		return refuse(r, conn, why);
	snprintf(text, sizeof text, "%d ordered", r->orders);
	return answer(r, conn, MHD_HTTP_OK, text);
}

/* --- routes --- */

static int argument(struct MHD_Connection *conn, const char *name)
{
	const char *text = MHD_lookup_connection_value(conn, MHD_GET_ARGUMENT_KIND, name);

	return text ? (int)strtol(text, NULL, 10) : 0;
}

/* It is logged, as every request is, and needs nothing else. */
static enum MHD_Result say_hello(request *r, struct MHD_Connection *conn)
{
	return answer(r, conn, MHD_HTTP_OK, "hello");
}

static hf_status look_up(hf_session *s, int item, int64_t *stock, hf_error **why)
{
	hf_result *res;
	hf_status st =
		hf_session_fetch(s, &res, why, "select stock from hf_item where id = $1", item);

	*stock = hf_row_int8(hf_result_row(res, 0), 0, -1); /* -1: there is no row */
	hf_result_unref(res);
	return st;
}

/* By whichever session there is already: here the reader, as none is. */
static enum MHD_Result show_stock(request *r, struct MHD_Connection *conn)
{
	char text[40] = "";
	hf_error *why;
	int64_t stock;

	if (look_up(hf_scope_any(r->scope), argument(conn, "item"), &stock, &why) != HF_OK)
		return refuse(r, conn, why);
	snprintf(text, sizeof text, "%" PRId64, stock);
	return stock < 0 ? answer(r, conn, MHD_HTTP_NOT_FOUND, "no such item")
			 : answer(r, conn, MHD_HTTP_OK, text);
}

/* The card is looked at when all is written: a return is all it takes to undo that. */
static enum MHD_Result place_order(request *r, struct MHD_Connection *conn)
{
	hf_error *why;

	if (order(r, argument(conn, "item"), &why) != HF_OK)
		return refuse(r, conn, why);
	if (MHD_lookup_connection_value(conn, MHD_GET_ARGUMENT_KIND, "card"))
		return answer(r, conn, MHD_HTTP_PAYMENT_REQUIRED, "card refused");
	return settle(r, conn);
}

/* Both sessions: the reader looks, as often as it likes, and the writer has its connection for as
 * long as it needs one. */
static enum MHD_Result buy(request *r, struct MHD_Connection *conn)
{
	int item = argument(conn, "item");
	hf_error *why;
	int64_t stock;

	if (look_up(hf_reader(r->scope), item, &stock, &why) != HF_OK)
		return refuse(r, conn, why);
	if (stock < 0)
		return answer(r, conn, MHD_HTTP_NOT_FOUND, "no such item");
	if (stock == 0)
		return answer(r, conn, MHD_HTTP_CONFLICT, "not in stock");
	return order(r, item, &why) == HF_OK ? settle(r, conn) : refuse(r, conn, why);
}

/* A mistake: it orders, and then writes by way of the reader. The server refuses that (SQLSTATE
 * 25006), and the order is not kept either. */
static enum MHD_Result cheat(request *r, struct MHD_Connection *conn)
{
	int item = argument(conn, "item");
	hf_error *why;

	if (order(r, item, &why) != HF_OK ||
		run(hf_reader(r->scope), &why, "update hf_item set stock = 1000 where id = $1",
			item) != HF_OK)
		return refuse(r, conn, why);
	return settle(r, conn);
}

/* The whole body has come. */
static enum MHD_Result end_import(request *r, struct MHD_Connection *conn)
{
	hf_error *why;

	import(r, "\n", 1);
	why = r->why;
	r->why = NULL;
	return why ? refuse(r, conn, why) : settle(r, conn);
}

static const struct {
	const char *label;
	enum MHD_Result (*handle)(request *r, struct MHD_Connection *conn);
} routes[] = { { "GET /", say_hello }, { "GET /stock", show_stock }, { "POST /order", place_order },
	{ "POST /buy", buy }, { "POST /cheat", cheat }, { "POST /import", end_import } };

/* --- a request's life --- */

static request *begin(hf_engines *engines, const char *method, const char *url)
{
	request *r = calloc(1, sizeof *r);
	char label[40];

	snprintf(label, sizeof label, "%.8s %.30s", method, url);
	if (r) /* costs no trip to a server */
		r->scope = hf_scope_new(engines, HF_SCOPE_OPTS(.label = label, .user = r));
	if (!r || r->scope)
		return r;
	free(r);
	return NULL;
}

/* Called once when it begins, for each piece of its body, and when all of it is there; always on
 * the connection's thread. */
static enum MHD_Result handle(void *engines, struct MHD_Connection *conn, const char *url,
	const char *method, const char *version, const char *data, size_t *n, void **mine)
{
	request *r = *mine;

	(void)version;
	if (!r) {
		*mine = begin(engines, method, url);
		return *mine ? MHD_YES : MHD_NO;
	}
	if (*n > 0) {
		if (strcmp(url, "/import") == 0)
			import(r, data, *n);
		*n = 0;
		return MHD_YES;
	}
	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
		if (strcmp(routes[i].label, hf_scope_label(r->scope)) == 0)
			return routes[i].handle(r, conn);
	return answer(r, conn, MHD_HTTP_NOT_FOUND, "no such page");
}

/* The end of every request: answered, hung up, or shut down. */
static void completed(
	void *arg, struct MHD_Connection *conn, void **mine, enum MHD_RequestTerminationCode how)
{
	request *r = *mine;
	hf_error *why;

	(void)arg;
	(void)conn;
	if (!r)
		return;
	if (run(hf_logger(r->scope), &why,
		    "insert into hf_log (line, status, heard) values ($1, $2, $3)",
		    hf_scope_label(r->scope), r->status,
		    how == MHD_REQUEST_TERMINATED_COMPLETED_OK) != HF_OK)
		fprintf(stderr, "not logged: %s\n", hf_error_message(why));
	hf_error_unref(why);
	hf_error_unref(r->why);
	hf_scope_unref(r->scope); /* what was not committed is rolled back */
	free(r);
}

/* --- the server --- */

static hf_engines *open_engines(const char *dsn, hf_error **why)
{
	static const char *const names[] = { "reader", "writer", "logger" };
	hf_engines *e = hf_engines_new();

	for (int i = 0; i < 3; i++)
		if (hf_engines_open(e, names[i], dsn, NULL, why) != HF_OK)
			return hf_engines_unref(e);
	return e;
}

static hf_status make_tables(hf_engines *e, hf_error **why)
{
	hf_pool *writer = hf_engines_get(e, "writer", why);
	hf_status st = hf_await(
		hf_script(writer,
			"create table if not exists hf_item"
			" (id int primary key, stock int not null check (stock >= 0));"
			"create table if not exists hf_order"
			" (id bigserial, item int not null references hf_item);"
			"create table if not exists hf_log"
			" (line text, status int, heard bool, at timestamptz default now());"
			"insert into hf_item select i, 100 from generate_series(1, 70) i"
			" on conflict do nothing"),
		why);

	hf_pool_unref(writer);
	return st;
}

/* Until SIGINT or SIGTERM. */
static bool serve(hf_engines *e, int port, const sigset_t *signals)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct MHD_Daemon *d =
		MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD, 0,
			NULL, NULL, handle, e, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&at,
			MHD_OPTION_NOTIFY_COMPLETED, completed, NULL, MHD_OPTION_CONNECTION_LIMIT,
			200u, MHD_OPTION_CONNECTION_TIMEOUT, 60u, MHD_OPTION_END);
	int sig;

	if (!d) {
		fprintf(stderr, "cannot listen on port %d\n", port);
		return false;
	}
	printf("http://127.0.0.1:%u\n",
		(unsigned)MHD_get_daemon_info(d, MHD_DAEMON_INFO_BIND_PORT)->port);
	fflush(stdout);
	sigwait(signals, &sig);
	MHD_stop_daemon(d); /* ends each request */
	return true;
}

int main(int argc, char **argv)
{
	sigset_t signals;
	hf_error *why = NULL;
	hf_engines *e;
	bool good;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &signals, NULL); /* for all threads to come */
	e = open_engines(argc > 1 ? argv[1] : "", &why);
	good = e && make_tables(e, &why) == HF_OK;
	if (!good)
		fprintf(stderr, "%s\n", hf_error_message(why));
	hf_error_unref(why);
	good = good && serve(e, argc > 2 ? atoi(argv[2]) : 8080, &signals);
	good = hf_engines_close(e, 0) == HF_OK && good;
	hf_engines_unref(e);
	return good ? 0 : 1;
}
