/* SPDX-License-Identifier: MIT */
/* Behind PgBouncer in transaction mode, which would lose LISTEN without a word, and in session
 * mode, which keeps it. */
#include "listening.h"

#include <pwd.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[200]; /* where the server has its socket */
static char pooler_dir[] = "/tmp/hf-pooler.XXXXXX";
static pid_t pooler;

static void write_config(const char *mode)
{
	char path[100];
	FILE *f;

	snprintf(path, sizeof path, "%s/ini", pooler_dir);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fprintf(f,
		"[databases]\n* = host=%s user=holdfast\n"
		"[pgbouncer]\npool_mode = %s\nauth_type = any\nlisten_addr =\n"
		"listen_port = 6543\nunix_socket_dir = %s\nlogfile = %s/log\n"
		"ignore_startup_parameters = options,extra_float_digits\n",
		dir, mode, pooler_dir, pooler_dir);
	fclose(f);
}

static void become_nobody_important(void)
{
	const char *name = getenv("HOLDFAST_TEST_PGUSER");
	const struct passwd *who = name ? getpwnam(name) : NULL;

	if (who && (setgid(who->pw_gid) != 0 || setuid(who->pw_uid) != 0))
		_exit(126);
}

static bool is_up(void *arg)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	bool up;

	snprintf(at.sun_path, sizeof at.sun_path, "%s", (const char *)arg);
	up = fd >= 0 && connect(fd, (const struct sockaddr *)&at, sizeof at) == 0;
	close(fd);
	return up;
}

static void stop_pooler(void)
{
	char cmd[100];
	int status;

	if (pooler <= 0)
		return;
	kill(pooler, SIGKILL);
	waitpid(pooler, &status, 0);
	snprintf(cmd, sizeof cmd, "rm -rf %s", pooler_dir);
	ck_assert_int_eq(system(cmd), 0);
}

/* Starts one, and skips the case without one. "host=… port=6543 …" */
static const char *pooler_dsn(const char *mode)
{
	static char dsn[300];
	char path[100];
	char *where, *database;

	if (access("/usr/sbin/pgbouncer", X_OK) != 0)
		t_skip("there is no PgBouncer");
	t_need_pgctl();
	where = t_psql("show unix_socket_directories");
	database = t_psql("select current_database()");
	snprintf(dir, sizeof dir, "%s", where);
	free(where);
	ck_assert_ptr_nonnull(mkdtemp(pooler_dir));
	ck_assert_int_eq(chmod(pooler_dir, 0777), 0);
	write_config(mode);
	snprintf(path, sizeof path, "%s/ini", pooler_dir);
	pooler = fork();
	if (pooler == 0) {
		become_nobody_important();
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* with a case that fails */
		execl("/usr/sbin/pgbouncer", "pgbouncer", "-q", path, (char *)NULL);
		_exit(127);
	}
	atexit(stop_pooler);
	snprintf(path, sizeof path, "%s/.s.PGSQL.6543", pooler_dir);
	ck_assert(t_wait_until(is_up, path, 10000));
	snprintf(
		dsn, sizeof dsn, "host=%s port=6543 user=holdfast dbname=%s", pooler_dir, database);
	free(database);
	return dsn;
}

START_TEST(test_pooler)
{
	const char *dsn;
	hf_pool *p, *direct;
	hf_listener *l;
	hf_future *f;

	dsn = pooler_dsn("transaction");
	p = t_pool_on(dsn, HF_POOL_OPTS(.min_conns = HF_NONE));
	l = hf_listen(p, NULL);
	f = hf_listener_add(l, "orders");
	ck_assert_ptr_nonnull(strstr(hf_error_message(t_fails(f, HF_E_MISUSE)), ".listen_dsn"));
	hf_future_unref(f);
	hf_listener_unref(l);
	direct = t_pool_on(
		dsn, HF_POOL_OPTS(.min_conns = HF_NONE, .max_pipeline = 1, .listen_dsn = t_dsn()));
	l = hf_listen(direct, NULL);
	t_listen(l, "orders");
	t_notify(direct, "orders", "through the pooler");
	ck_assert_str_eq(t_notice(l)->payload, "through the pooler");
	hf_listener_unref(l);
	t_close(p);
	t_close(direct);
}
END_TEST

static void on_log(hf_log_level level, const char *line, void *warned)
{
	if (level == HF_LOG_WARN && strstr(line, "a pooler stands at listen_dsn"))
		atomic_fetch_add((atomic_int *)warned, 1);
}

/* An address that was given for listening is taken at its word: a pooler there is told in the log.
 */
START_TEST(test_session_mode)
{
	static atomic_int warned;
	hf_pool *p =
		t_pool_on(t_dsn(), HF_POOL_OPTS(.listen_dsn = pooler_dsn("session"), .log = on_log,
					   .log_arg = &warned, .log_level = HF_LOG_WARN));
	hf_listener *l = hf_listen(p, NULL);

	t_listen(l, "orders");
	ck_assert_int_eq(warned, 1);
	for (int i = 0; i < 3; i++) {
		t_notify(p, "orders", "through the pooler");
		ck_assert_str_eq(t_notice(l)->payload, "through the pooler");
	}
	t_unlisten(l, "orders");
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

/* What is wrong with it is told as of it. */
START_TEST(test_listen_dsn_wrong)
{
	hf_pool *p;
	hf_error *why;

	ck_assert_int_eq(
		hf_pool_open(t_dsn(), HF_POOL_OPTS(.listen_dsn = "hots=x"), &p, &why), HF_E_MISUSE);
	ck_assert_ptr_nonnull(strstr(hf_error_message(why), "listen_dsn"));
	ck_assert_ptr_nonnull(strstr(hf_error_message(why), "\"hots\""));
	hf_error_unref(why);
	ck_assert_int_eq(hf_pool_open(t_dsn(), HF_POOL_OPTS(.listen_dsn = "pool_size=3"), &p, &why),
		HF_E_MISUSE);
	ck_assert_ptr_nonnull(strstr(hf_error_message(why), "listen_dsn: settings of the pool"));
	hf_error_unref(why);
}
END_TEST

T_MAIN("listen_pooler",
	{ "rule-43 a pooler that would lose LISTEN is told, and got around", test_pooler, 60 },
	{ "rule-43 a pooler at the address for listening is told in the log", test_session_mode,
		60 },
	{ "E7 a wrong address for listening is told", test_listen_dsn_wrong, 0 })
