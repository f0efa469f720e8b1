/* SPDX-License-Identifier: MIT */
/* Statistics of three engines: a table, and with a port (0: any that is free) a page for Prometheus
 * at http://127.0.0.1:PORT/metrics, until it is interrupted.
 *
 *     cc metrics.c $(pkg-config --cflags --libs holdfast) && ./a.out "postgresql:///mydb" 9187 */
#include <holdfast.h>

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define SCRAPER_MS 2000 /* how long it may take to ask, and to take the answer */

static volatile sig_atomic_t interrupted;

static void interrupt(int sig)
{
	(void)sig;
	interrupted = 1;
}

static int complain(hf_error *why)
{
	fprintf(stderr, "metrics: %s\n", hf_error_message(why));
	hf_error_unref(why);
	return 1;
}

static hf_status open_engines(hf_engines *e, const char *dsn, hf_error **why)
{
	hf_status st = hf_engines_open(e, "writer", dsn,
		HF_ENGINE_OPTS(.is_default = true, .pool = HF_POOL_OPTS(.max_conns = 4)), why);

	if (st == HF_OK)
		st = hf_engines_open(e, "reader", dsn,
			HF_ENGINE_OPTS(.pool = HF_POOL_OPTS(.max_conns = 4)), why);
	if (st == HF_OK)
		st = hf_engines_open(e, "logger", dsn,
			HF_ENGINE_OPTS(.pool = HF_POOL_OPTS(.max_conns = 1)), why);
	return st;
}

/* Ten requests: each reads twice, and commits one transaction. */
static hf_status do_work(hf_engines *e, hf_error **why)
{
	hf_status st = HF_OK;

	for (int i = 0; i < 10 && st == HF_OK; i++) {
		hf_scope *s = hf_scope_new(e, NULL);

		st = hf_session_fetch(hf_reader(s), NULL, why, "select $1::int", i);
		if (st == HF_OK)
			st = hf_session_fetch(hf_reader(s), NULL, why, "select pg_sleep(0.001)");
		if (st == HF_OK)
			st = hf_session_fetch(hf_writer(s), NULL, why, "select 1");
		if (st == HF_OK)
			st = hf_scope_commit(s, why);
		hf_scope_unref(s);
	}
	return st;
}

static int show(hf_engines *e)
{
	hf_error *why;
	hf_snapshot *s = hf_engines_snapshot(e, &why);
	char *table = hf_snapshot_text(s);

	if (!s)
		return complain(why);
	printf("%s", table ? table : "out of memory\n");
	free(table);
	hf_snapshot_unref(s);
	return fflush(stdout);
}

/* --- a page for Prometheus --- */

static void send_all(int to, const char *text)
{
	ssize_t sent;

	for (size_t n = strlen(text); n > 0; n -= (size_t)sent, text += sent)
		if ((sent = send(to, text, n, MSG_NOSIGNAL)) <= 0)
			return;
}

/* The first line tells it all; the rest is read so that closing does not throw the answer away. */
static bool wants_metrics(int from)
{
	char asked[4096];
	size_t n = 0;
	ssize_t got;

	do {
		got = recv(from, asked + n, sizeof asked - 1 - n, 0);
		n += got > 0 ? (size_t)got : 0;
		asked[n] = '\0';
	} while (got > 0 && n + 1 < sizeof asked && !strstr(asked, "\r\n\r\n"));
	return strncmp(asked, "GET /metrics ", 13) == 0;
}

static void answer(int to, hf_engines *e)
{
	hf_snapshot *s = hf_engines_snapshot(e, NULL);
	char *page = hf_snapshot_prometheus(s);

	if (!wants_metrics(to)) {
		send_all(to, "HTTP/1.0 404 Not Found\r\n\r\n");
	} else if (!page) {
		send_all(to, "HTTP/1.0 503 Service Unavailable\r\n\r\n");
	} else {
		send_all(to, "HTTP/1.0 200 OK\r\n"
			     "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n\r\n");
		send_all(to, page);
	}
	free(page);
	hf_snapshot_unref(s);
}

/* A descriptor that listens on the loopback address alone, or -1. */
static int listen_on(int port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	socklen_t size = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if (bind(fd, (struct sockaddr *)&at, size) != 0 || listen(fd, 8) != 0 ||
		getsockname(fd, (struct sockaddr *)&at, &size) != 0) {
		perror("metrics");
		return -1;
	}
	printf("http://127.0.0.1:%d/metrics\n", ntohs(at.sin_port));
	fflush(stdout);
	return fd;
}

/* One scraper at a time: there is seldom more than one. */
static int serve(hf_engines *e, int port)
{
	struct timeval limit = { SCRAPER_MS / 1000, SCRAPER_MS % 1000 * 1000 };
	struct sigaction act = { .sa_handler = interrupt };
	int fd = listen_on(port), scraper;

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	while (fd >= 0 && !interrupted) {
		if ((scraper = accept(fd, NULL, NULL)) < 0)
			continue;
		setsockopt(scraper, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
		setsockopt(scraper, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
		answer(scraper, e);
		close(scraper);
	}
	return fd < 0;
}

int main(int argc, char **argv)
{
	hf_engines *e = hf_engines_new();
	hf_error *why;
	int rc;

	if (open_engines(e, argc > 1 ? argv[1] : "", &why) != HF_OK || do_work(e, &why) != HF_OK)
		rc = complain(why);
	else
		rc = argc > 2 ? serve(e, atoi(argv[2])) : show(e);
	if (hf_engines_close(e, 0) != HF_OK)
		rc = 1;
	hf_engines_unref(e);
	return rc;
}
