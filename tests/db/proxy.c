/* SPDX-License-Identifier: MIT */
/* A link that breaks where a test wants it. One thread moves the bytes; whatever it and the callers
 * share is guarded by `lock`, which the thread lets go of only to poll. Sockets are closed by the
 * thread alone: nobody may take a number from under its poll. */
#include "proxy.h"
#include "proxy_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LIMIT_MS    10000
#define MAX_LINKS   128
#define MAX_UNSENT  (1024 * 1024)
#define NOT_WATCHED (-1)

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* guarded by lock */
	struct plan plan;
	struct link *links[MAX_LINKS];
	size_t n_links;
	bool refusing, killing, going_on, leaving;
	int cut;               /* sides the held links are to lose */
	unsigned asked, heard; /* calls that wait for the thread */
	/* of the thread, and before it runs */
	int listener, wake[2];
	struct sockaddr_storage server;
	socklen_t server_len;
	char dir[96], dsn[512];
	struct sockaddr_un address;
	pthread_t thread;
	pid_t owner; /* 0: it does not run */
} px = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .listener = -1 };

/* --- sockets: never inherited by what the case starts, or their ends would not be seen --- */

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void read_some(int fd, struct way *w)
{
	unsigned char chunk[65536];
	ssize_t n = recv(fd, chunk, sizeof chunk, 0);

	if (n > 0)
		t__put(&w->in, chunk, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		w->ended = true;
}

static void write_some(int fd, struct way *w, struct way *back)
{
	ssize_t n = w->out.len > 0 ? send(fd, w->out.data, w->out.len, MSG_NOSIGNAL) : 0;

	if (n > 0)
		t__drop(&w->out, (size_t)n);
	else if (n < 0 && errno != EAGAIN && errno != EINTR) {
		w->out.len = 0;
		back->ended = true;
	}
}

static void accept_link(void)
{
	struct link *k;
	int fd = accept4(px.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	k = calloc(1, sizeof *k);
	if (!k)
		abort();
	k->client = fd;
	k->server = socket(px.server.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (px.n_links == MAX_LINKS ||
		connect(k->server, (struct sockaddr *)&px.server, px.server_len) != 0) {
		close_fd(&k->client);
		close_fd(&k->server);
		free(k);
		return;
	}
	fcntl(k->server, F_SETFL, O_RDWR | O_NONBLOCK);
	px.links[px.n_links++] = k;
}

static void listen_again(void)
{
	close_fd(&px.listener);
	unlink(px.address.sun_path);
	px.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (px.listener < 0 ||
		bind(px.listener, (struct sockaddr *)&px.address, sizeof px.address) != 0 ||
		listen(px.listener, MAX_LINKS) != 0)
		abort();
}

/* --- the thread --- */

static void free_link(size_t i)
{
	struct link *k = px.links[i];

	close_fd(&k->client);
	close_fd(&k->server);
	free(k->request.in.data);
	free(k->request.out.data);
	free(k->answer.in.data);
	free(k->answer.out.data);
	free(k);
	px.links[i] = px.links[--px.n_links];
}

/* What the callers have asked for. */
static void obey(void)
{
	if (px.refusing)
		close_fd(&px.listener);
	else if (px.listener < 0)
		listen_again();
	for (size_t i = px.n_links; i-- > 0;) {
		struct link *k = px.links[i];

		if (k->held && px.cut & T_CLIENT)
			close_fd(&k->client);
		if (k->held && px.cut & T_SERVER)
			close_fd(&k->server);
		if (k->held && px.going_on && k->client >= 0 && k->server >= 0)
			t__go_on(k);
		if (px.killing || (k->client < 0 && k->server < 0))
			free_link(i);
	}
	px.cut = 0;
	px.killing = px.going_on = false;
	px.heard = px.asked;
	pthread_cond_broadcast(&px.changed);
}

static struct pollfd watch(
	int fd, const struct way *in, const struct way *out, const struct link *k)
{
	short events = out->out.len > 0 ? POLLOUT : 0;
	bool silent = k->held && k->request.out.len + k->answer.out.len == 0;

	if (in->out.len < MAX_UNSENT && !k->dying && !k->held)
		events |= POLLIN;
	return (struct pollfd){ silent || events == 0 ? NOT_WATCHED : fd, events, 0 };
}

/* False: the link has come to its end. */
static bool move(struct link *k, short client, short server)
{
	if (client & ~POLLOUT && !k->dying && !k->held)
		read_some(k->client, &k->request);
	if (server & ~POLLOUT && !k->dying && !k->held)
		read_some(k->server, &k->answer);
	t__judge_request(k, &px.plan);
	t__judge_answer(k, &px.plan);
	if (k->request.ended && !k->dying && !k->held)
		t__pass(&k->request, k->request.in.len);
	if (k->answer.ended && !k->dying && !k->held)
		t__pass(&k->answer, k->answer.in.len);
	write_some(k->server, &k->request, &k->answer);
	write_some(k->client, &k->answer, &k->request);
	if (k->request.out.len + k->answer.out.len > 0)
		return true;
	if (k->held && !k->told)
		k->told = px.plan.done = true;
	return !k->dying && (k->held || !(k->request.ended || k->answer.ended));
}

static void round_of(const struct pollfd *fds, size_t n)
{
	char sink[64];

	if (fds[0].revents)
		while (read(px.wake[0], sink, sizeof sink) > 0)
			;
	for (size_t i = n; i-- > 0;) {
		bool dying;

		if (move(px.links[i], fds[2 + 2 * i].revents, fds[3 + 2 * i].revents))
			continue;
		dying = px.links[i]->dying;
		free_link(i);
		if (dying)
			px.plan.done = true;
	}
	if (fds[1].revents)
		accept_link();
}

static void *run(void *arg)
{
	struct pollfd fds[2 + 2 * MAX_LINKS];
	size_t n;

	pthread_mutex_lock(&px.lock);
	for (obey(); !px.leaving; obey()) {
		n = px.n_links;
		fds[0] = (struct pollfd){ px.wake[0], POLLIN, 0 };
		fds[1] = (struct pollfd){ px.listener, POLLIN, 0 };
		for (size_t i = 0; i < n; i++) {
			struct link *k = px.links[i];

			fds[2 + 2 * i] = watch(k->client, &k->request, &k->answer, k);
			fds[3 + 2 * i] = watch(k->server, &k->answer, &k->request, k);
		}
		pthread_mutex_unlock(&px.lock);
		poll(fds, (nfds_t)(2 + 2 * n), -1);
		pthread_mutex_lock(&px.lock);
		round_of(fds, n);
	}
	pthread_mutex_unlock(&px.lock);
	return arg;
}

/* --- starting and ending --- */

static void stop(void)
{
	if (px.owner != getpid()) /* a child of the case: the thread is not its own */
		return;
	pthread_mutex_lock(&px.lock);
	px.leaving = px.killing = px.refusing = true;
	pthread_mutex_unlock(&px.lock);
	if (write(px.wake[1], "", 1) < 0)
		return;
	pthread_join(px.thread, NULL);
	unlink(px.address.sun_path);
	rmdir(px.dir);
	close_fd(&px.wake[0]);
	close_fd(&px.wake[1]);
}

/* libpq knows where t_dsn() leads. */
static void find_server(void)
{
	PGconn *conn = PQconnectdb(t_dsn());

	px.server_len = sizeof px.server;
	if (PQstatus(conn) != CONNECTION_OK ||
		getpeername(PQsocket(conn), (struct sockaddr *)&px.server, &px.server_len) != 0)
		ck_abort_msg("the proxy finds no server: %s", PQerrorMessage(conn));
	PQfinish(conn);
}

/* In the private server's directory, where there is one: it goes with it, whatever becomes of us.
 */
static void make_address(void)
{
	const char *data = getenv("HOLDFAST_TEST_PGDATA");

	snprintf(px.dir, sizeof px.dir, "%s%s", data ? data : "/tmp/hf", ".proxy.XXXXXX");
	if (!mkdtemp(px.dir))
		ck_abort_msg("mkdtemp(%s): %s", px.dir, strerror(errno));
	px.address.sun_family = AF_UNIX;
	if ((size_t)snprintf(px.address.sun_path, sizeof px.address.sun_path, "%s/.s.PGSQL.5432",
		    px.dir) >= sizeof px.address.sun_path)
		ck_abort_msg("the path of the proxy's socket is too long: %s", px.dir);
	snprintf(px.dsn, sizeof px.dsn, "%s host=%s port=5432 sslmode=disable gssencmode=disable",
		t_dsn(), px.dir);
}

static void start(void)
{
	sigset_t all, old;

	find_server();
	make_address();
	if (pipe2(px.wake, O_NONBLOCK | O_CLOEXEC) != 0)
		ck_abort_msg("pipe2: %s", strerror(errno));
	listen_again();
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ck_assert_int_eq(pthread_create(&px.thread, NULL, run, NULL), 0);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	px.owner = getpid();
	atexit(stop);
}

/* --- what the header promises --- */

const char *t_proxy_dsn(void)
{
	if (px.owner == 0)
		start();
	return px.dsn;
}

static void begin_call(void)
{
	t_proxy_dsn();
	pthread_mutex_lock(&px.lock);
}

static void end_call(void)
{
	unsigned mine = ++px.asked;

	if (write(px.wake[1], "", 1) < 0 && errno != EAGAIN)
		abort();
	while ((int)(px.heard - mine) < 0)
		pthread_cond_wait(&px.changed, &px.lock);
	pthread_mutex_unlock(&px.lock);
}

void t_proxy_arm(enum t_proxy_act act, const char *trigger, size_t n)
{
	begin_call();
	ck_assert_uint_lt(strlen(trigger), sizeof px.plan.trigger);
	px.plan.armed = true;
	px.plan.done = false;
	px.plan.act = act;
	px.plan.n = n;
	memcpy(px.plan.trigger, trigger, strlen(trigger) + 1);
	end_call();
}

void t_proxy_disarm(void)
{
	begin_call();
	px.plan.armed = false;
	end_call();
}

struct t_exchange t_proxy_await(void)
{
	struct t_exchange seen;
	struct timespec until;
	int rc = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += LIMIT_MS / 1000 * t_slow();
	begin_call();
	while (!px.plan.done && rc == 0)
		rc = pthread_cond_timedwait(&px.changed, &px.lock, &until);
	if (!px.plan.done)
		ck_abort_msg("no request with \"%s\" has met its fate", px.plan.trigger);
	seen = px.plan.seen;
	end_call();
	return seen;
}

void t_proxy_go_on(void)
{
	begin_call();
	px.going_on = true;
	end_call();
}

void t_proxy_cut(enum t_proxy_side side)
{
	begin_call();
	px.cut = (int)side;
	end_call();
}

void t_proxy_refuse(bool yes)
{
	begin_call();
	px.refusing = yes;
	end_call();
}

void t_proxy_kill_all(void)
{
	begin_call();
	px.killing = true;
	end_call();
}

unsigned t_proxy_accepted(void)
{
	unsigned n;

	begin_call();
	n = px.plan.accepted;
	end_call();
	return n;
}
